package keeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
)

// ErrAlreadyRuns: a keeper runs for these places, so none can run in the
// foreground.
var ErrAlreadyRuns = errors.New("keeper: the switch runs already")

// LaunchConfig says how a keeper is started.
type LaunchConfig struct {
	Dirs Dirs
	// Path is the program; the default is the running one.
	Path string
	// Args is the keeper's command line, the program's name first. The program must
	// call Main with the same Dirs.
	Args []string
	// Env is its environment, and that of the switch process; the default is the
	// running program's own.
	Env []string
	// Foreground ties the keeper to this process: it writes to this process's
	// output, gets its SIGTERM, SIGINT and SIGHUP, and dies with it.
	Foreground bool
	// Sockets were bound for the switch beforehand. The keeper holds them until it
	// ends, and every switch process has them, with their names (Switch.Sockets).
	// Launch closes them here; in the foreground, as soon as the keeper has them.
	Sockets []*os.File
	// Ready is called once when the switch process is ready, in the foreground,
	// where Launch does not return then. It may be nil.
	Ready func()
}

// retryPause is between two tries to reach a keeper that begins or ends.
const retryPause = 10 * time.Millisecond

// Launch starts a keeper, which starts the switch process, and returns when that is
// ready; in the foreground, when the keeper has ended. A keeper that runs already
// for these Dirs is asked to start its switch process instead if that is down. Of
// any number of Launches at the same time one starts the keeper.
//
// The error is what the switch process gave to Failed, or an *api.Error with the
// code StartFailed and the end of the log, or wraps a *sandbox.NamespaceError,
// ErrAlreadyRuns or ctx's error. ErrSocketsLate: all is well but that the keeper ran
// already and has not got l.Sockets.
func Launch(ctx context.Context, l LaunchConfig) error {
	defer closeAll(l.Sockets)
	for {
		if err := l.Dirs.make(); err != nil {
			return err
		}
		again, err := l.try(ctx)
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("keeper: launch: %w", ctx.Err())
		case <-time.After(retryPause):
		}
	}
}

// try starts a keeper where none has the lock, and else talks to the one that has.
func (l LaunchConfig) try(ctx context.Context) (again bool, err error) {
	lock, err := takeLock(l.Dirs.lockFile())
	switch {
	case errors.Is(err, errLocked) && l.Foreground:
		return false, ErrAlreadyRuns
	case errors.Is(err, errLocked):
		return l.join(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return true, nil // a keeper that ended has taken the directory with it
	case err != nil:
		return false, err
	}
	defer lock.Close()
	if l.Foreground {
		return false, netnsx.OnThread(func() error { return l.foreground(ctx, lock) })
	}
	return false, l.background(ctx, lock)
}

// join asks the keeper that runs. One that begins does not listen yet, and one that
// ends does not any more: then the lock tells what to do next.
func (l LaunchConfig) join(ctx context.Context) (again bool, err error) {
	sock, err := (&net.Dialer{}).DialContext(ctx, "unix", l.Dirs.keeperSocket())
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("keeper: reach the keeper: %w", err)
	}
	tail := tailOf(l.Dirs.Log())
	err = l.ask(ctx, &conn{sock: sock.(*net.UnixConn)})
	if errors.Is(err, ErrEnding) || errors.Is(err, errGone) {
		return true, nil
	}
	if err == nil && len(l.Sockets) > 0 {
		return false, ErrSocketsLate
	}
	return false, l.explain(err, tail)
}

// ask has the keeper at the other end start the switch process and waits.
func (l LaunchConfig) ask(ctx context.Context, c *conn) error {
	k := newClient(c)
	defer k.close()
	a, _, err := k.call(ctx, &request{Op: opLaunch}, [maxFiles]*os.File{})
	if err == nil && a.Path != l.Dirs.Socket {
		return fmt.Errorf("keeper: a switch with another socket, %s, has its files in %s", a.Path, l.Dirs.Runtime)
	}
	return err
}

// explain makes a failure to start one that a person can use.
func (l LaunchConfig) explain(err error, tail *logTail) error {
	if !errors.Is(err, errNotReady) && !errors.Is(err, errGone) && !errors.Is(err, ErrEnding) {
		return err
	}
	e := api.Errorf(api.StartFailed, err, "cannot start the switch")
	if tail == nil {
		return e
	}
	if text := tail.read(); text != "" {
		e = e.Because("%s", text)
	}
	return e.WithFix("see the whole log:  less %s", l.Dirs.Log())
}

// background starts a keeper that outlives this process.
func (l LaunchConfig) background(ctx context.Context, lock *os.File) error {
	out, tail, err := newLog(l.Dirs.Log())
	if err != nil {
		return err
	}
	defer out.Close()
	here, p, err := l.start(lock, out, out, false)
	if err != nil {
		return err
	}
	go p.Wait() // so that it is not left a zombie, should this process live longer
	return l.explain(l.ask(ctx, here), tail)
}

// start starts the keeper and returns a connection to it.
func (l LaunchConfig) start(lock, stdout, stderr *os.File, bound bool) (*conn, *os.Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, fmt.Errorf("keeper: launch: %w", err)
	}
	defer null.Close()
	here, there, err := connPair()
	if err != nil {
		return nil, nil, err
	}
	defer there.Close()
	env := l.Env
	if env == nil {
		env = os.Environ()
	}
	p, err := sandbox.Start(sandbox.Rerun{
		Path: l.Path, Args: l.Args, Env: announce(append(env[:len(env):len(env)], keeperEnv+"=3 4"), l.Sockets),
		Stdin: null, Stdout: stdout, Stderr: stderr, Extra: append([]*os.File{lock, there}, l.Sockets...),
	}, bound)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("keeper: launch: %w", err), here.close())
	}
	return here, p, nil
}
