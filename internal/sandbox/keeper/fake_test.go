package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/rpc"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/sandbox"
)

// Fake is a switch process for the tests: it serves what a Switch can do, and
// sudden death, on the socket of the API.
type Fake struct{ s *Switch }

// fakeSwitch is the life of the fake switch process. What is written in the file
// "mode" it does instead of getting ready.
func fakeSwitch(d Dirs) error {
	s, err := Inherited()
	if err != nil {
		return err
	}
	mode, _ := os.ReadFile(filepath.Join(d.Runtime, "mode")) // mostly missing
	switch string(mode) {
	case "fail":
		s.Failed(api.Errorf(api.StateDamaged, nil, "cannot read the state").Because("it is damaged"))
		return errors.New("told to fail")
	case "die":
		return errors.New("the frobnicator is missing")
	}
	server := rpc.NewServer()
	if err := server.Register(&Fake{s}); err != nil {
		return err
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		<-c
		exit(s.End())
	}()
	if err := s.Ready(); err != nil {
		return err
	}
	server.Accept(s.Listener)
	return nil
}

// None stands for no argument or no result.
type None struct{}

// About tells a fake from another.
type About struct{ PID, Keeper, Restarts int }

func (f *Fake) About(_ None, a *About) error {
	*a = About{os.Getpid(), os.Getppid(), f.s.Restarts}
	return nil
}

// Job is a program to run with its output in a file.
type Job struct {
	Spec RunSpec
	Out  string
}

func (j Job) files() (files [3]*os.File, err error) {
	if j.Out == "" {
		return files, nil
	}
	flags := os.O_RDWR | unix.O_NOCTTY
	if !j.Spec.Tty {
		flags |= os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(j.Out, flags, 0o600)
	files[1], files[2] = f, f
	if j.Spec.Tty {
		files[0] = f
	}
	return files, err
}

func (f *Fake) Run(j Job, pid *int) error {
	files, err := j.files()
	if err != nil {
		return err
	}
	defer files[1].Close()
	h, err := f.s.Run(context.Background(), j.Spec, files)
	if err != nil {
		return fmt.Errorf("%s: %w", sort(err), err)
	}
	*pid = h.PID()
	return nil
}

// sort says which of the known errors it is, since the test gets only a text.
func sort(err error) string {
	for name, kind := range map[string]error{
		"NOT-FOUND": exec.ErrNotFound, "PERMISSION": fs.ErrPermission, "NO-DIRECTORY": fs.ErrNotExist,
		"UNKNOWN": ErrUnknown, "EXISTS": ErrExists, "RUNNING": ErrRunning, "DONE": os.ErrProcessDone,
		"TOO-BIG": syscall.E2BIG,
	} {
		if errors.Is(err, kind) {
			return name
		}
	}
	return "OTHER"
}

func sorted(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", sort(err), err)
}

func (f *Fake) Wait(id string, code *int) error {
	h, err := f.s.Handle(id)
	if err != nil {
		return sorted(err)
	}
	if *code, err = h.Wait(context.Background()); err != nil {
		return sorted(err)
	}
	return nil
}

func (f *Fake) Runs(_ None, runs *[]RunState) (err error) {
	*runs, err = f.s.Runs()
	return err
}

// Shot is a signal for a run, 0 to kill its group.
type Shot struct {
	ID     string
	Signal syscall.Signal
}

func (f *Fake) Signal(s Shot, _ *None) error {
	h, err := f.s.Handle(s.ID)
	switch {
	case err != nil:
		return sorted(err)
	case s.Signal == 0:
		return sorted(h.Kill())
	}
	return sorted(h.Signal(s.Signal))
}

func (f *Fake) Forget(id string, _ *None) error { return sorted(f.s.Forget(id)) }
func (f *Fake) Drop(id string, _ *None) error   { return sorted(f.s.Drop(id)) }

func (f *Fake) Make(c sandbox.Config, _ *None) error {
	box, err := sandbox.Create(c)
	if err != nil {
		return err
	}
	return sorted(errors.Join(f.s.Hold(c.Name, box), box.Release()))
}

// Passed is a socket that the fake was given.
type Passed struct{ Name, Address string }

func (f *Fake) Sockets(_ None, all *[]Passed) error {
	for _, s := range f.s.Sockets {
		at, err := unix.Getsockname(int(s.Fd()))
		if err != nil {
			return err
		}
		to, ok := at.(*unix.SockaddrInet4)
		if !ok {
			return fmt.Errorf("%s is bound to %v", s.Name(), at)
		}
		*all = append(*all, Passed{s.Name(), netip.AddrPortFrom(netip.AddrFrom4(to.Addr), uint16(to.Port)).String()})
	}
	return nil
}

// Greet waits for a client of the first socket, and sends it the fake's number.
func (f *Fake) Greet(_ None, _ *None) error {
	l, err := net.FileListener(f.s.Sockets[0])
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c, os.Getpid())
	return errors.Join(err, c.Close())
}

func (f *Fake) Containers(_ None, names *[]string) (err error) {
	*names, err = f.s.Containers()
	return err
}

func (f *Fake) NetPath(container string, path *string) (err error) {
	*path, err = f.s.NetPath(container)
	return sorted(err)
}

// Inside runs a command line in a held container as a child of the fake.
func (f *Fake) Inside(line []string, out *string) error {
	box, err := f.s.Held(line[0])
	if err != nil {
		return sorted(err)
	}
	var b bytes.Buffer
	p, err := box.Command(context.Background(), sandbox.Cmd{Args: line[1:], Stdout: &b, Stderr: &b})
	if err == nil {
		_, err = p.Wait()
	}
	*out = strings.TrimSpace(b.String())
	return errors.Join(err, box.Release())
}

// Close ends everything in a container.
func (f *Fake) Close(container string, _ *None) error {
	box, err := f.s.Held(container)
	if err != nil {
		return sorted(err)
	}
	return errors.Join(box.Close(), f.s.Drop(container))
}

// Die ends the fake without another word.
func (f *Fake) Die(_ None, _ *None) error {
	os.Exit(3)
	return nil
}

// End ends the keeper in order.
func (f *Fake) End(_ None, _ *None) error {
	if err := f.s.End(); err != nil {
		return err
	}
	go os.Exit(0)
	return nil
}

// dial calls a fake; the connection waits in the backlog while there is none.
func dial(path string) (*rpc.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return rpc.NewClient(c), nil
}
