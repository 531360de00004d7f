package keeper

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"

	"vswitch/internal/api"
	"vswitch/internal/sandbox"
)

// ErrNoKeeper: this process was not started by a keeper.
var ErrNoKeeper = errors.New("keeper: this process has no keeper; start it with:  vswitch up")

// Switch is what a switch process has from its keeper. Its methods may be called
// from any goroutine.
type Switch struct {
	// Listener is the socket of the API, listening. Closing it refuses nobody: the
	// keeper has it too.
	Listener *net.UnixListener
	// Restarts is how often the switch process was started again.
	Restarts int
	// Sockets are those that Launch was given, in their order, the caller's to close.
	// Closing them refuses nobody either.
	Sockets []*os.File

	keeper *client

	mu      sync.Mutex
	handles map[string]*Handle
}

// Inherited returns what the keeper has passed to this process. Call it once, early,
// before other programs are started.
func Inherited() (*Switch, error) {
	numbers, err := takeEnv(switchEnv, 3)
	if err != nil {
		return nil, err
	}
	if numbers == nil {
		return nil, ErrNoKeeper
	}
	l, err := listenerOf(fileOf(numbers[0], "listener"))
	if err != nil {
		return nil, err
	}
	c, err := connOf(fileOf(numbers[1], "keeper"))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	sockets, err := takeSockets()
	if err != nil {
		return nil, errors.Join(err, l.Close(), c.close())
	}
	return &Switch{Listener: l, Restarts: numbers[2], Sockets: sockets, keeper: newClient(c), handles: map[string]*Handle{}}, nil
}

// Close closes the listener and the connection to the keeper, which goes on.
func (s *Switch) Close() error {
	return errors.Join(s.Listener.Close(), s.keeper.close())
}

// Ready says that the API is served from now on.
func (s *Switch) Ready() error { return s.do(&request{Op: opReady}) }

// Failed says why this process cannot be the switch process. It has to end then,
// and is not started again before somebody asks. The error reaches Launch as an
// *api.Error.
func (s *Switch) Failed(err error) {
	// Where the keeper is gone, so is whoever would be told.
	_ = s.do(&request{Op: opFailed, Told: api.AsError(err)})
}

// End makes the coming end of this process the keeper's end too: it ends what still
// runs, and removes its files.
func (s *Switch) End() error { return s.do(&request{Op: opEnd}) }

// Hold has the keeper hold a container's namespaces from now on, so that they
// outlive this process. ErrExists when it holds one of that name.
func (s *Switch) Hold(container string, box *sandbox.Sandbox) error {
	net, mnt, uts, err := box.Files()
	if err != nil {
		return err
	}
	files := [maxFiles]*os.File{net, mnt, uts}
	defer closeAll(files[:])
	_, _, err = s.keeper.call(context.Background(), &request{Op: opHold, Name: container}, files)
	return err
}

// Held opens a container that the keeper holds, perhaps since before this process.
// The Sandbox is the caller's: its Release leaves the container alone, its Close
// ends the programs in it, and Drop lets the namespaces go.
func (s *Switch) Held(container string) (*sandbox.Sandbox, error) {
	_, files, err := s.held(container)
	if err != nil {
		return nil, err
	}
	return sandbox.FromFiles(container, files[0], files[1], files[2])
}

// NetPath returns a path to the network namespace of a container that is held,
// good for as long: for nsenter(1) and the like, of root and of the switch's user.
func (s *Switch) NetPath(container string) (string, error) {
	path, files, err := s.held(container)
	closeAll(files[:])
	return path, err
}

func (s *Switch) held(container string) (string, [maxFiles]*os.File, error) {
	a, files, err := s.keeper.call(context.Background(), &request{Op: opHeld, Name: container}, [maxFiles]*os.File{})
	if err != nil {
		return "", files, err
	}
	return a.Path, files, nil
}

// Containers returns the names of all containers that the keeper holds, sorted.
func (s *Switch) Containers() ([]string, error) {
	a, err := s.ask(&request{Op: opList})
	if err != nil {
		return nil, err
	}
	return a.Names, nil
}

// Drop has the keeper let a container go: when nobody else has its Files and no
// program runs in it, the namespaces end.
func (s *Switch) Drop(container string) error {
	return s.do(&request{Op: opDrop, Name: container})
}

func (s *Switch) do(req *request) error {
	_, err := s.ask(req)
	return err
}

func (s *Switch) ask(req *request) (*answer, error) {
	a, _, err := s.keeper.call(context.Background(), req, [maxFiles]*os.File{})
	return a, err
}
