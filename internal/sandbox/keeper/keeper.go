package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"vswitch/internal/sandbox"
)

// Config says what a keeper keeps.
type Config struct {
	Dirs Dirs
	// Switch is the command line of the switch process, the program's name first.
	// It is this program, started again, with this environment.
	Switch []string
	// Log is where the keeper writes to; nil discards.
	Log *slog.Logger
}

// keeper is what a keeper has. Its supervisor runs in Main.
type keeper struct {
	dirs  Dirs
	args  []string
	log   *slog.Logger
	holds holds
	runs  runs
	// answering is held for reading by whoever has to answer before the end.
	answering sync.RWMutex
	// sockets are passed to each switch process.
	sockets []*os.File
	// wanted, reports and ended bring the supervisor its events.
	wanted  chan chan error
	reports chan report
	ended   chan *child
	// done is closed when the supervisor takes no more events, after failure was set.
	done    chan struct{}
	failure error
}

// Main is the keeper's life: it takes the lock, unless Launch has passed it on,
// listens, starts the switch process and looks after it. It returns when the switch
// process has ended after Switch.End or after a signal that asks for the end
// (SIGTERM, SIGINT, SIGHUP, which are passed on to it; so is the end of ctx, as
// SIGTERM), or when it has never been ready, which is an error. Then all programs
// have ended and the sockets and the lock are gone.
//
// It is to be the only thing that its process does.
func Main(ctx context.Context, c Config) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	// A log that nobody reads any more must not end the keeper. Ignoring the signal
	// would have programs ignore it too.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, unix.SIGPIPE)
	defer signal.Stop(pipes)
	lock, launcher, err := inherited(c.Dirs)
	if err != nil {
		return err
	}
	defer lock.Close()
	k := newKeeper(c)
	if k.sockets, err = takeSockets(); err != nil {
		return err
	}
	defer closeAll(k.sockets)
	own, err := listen(c.Dirs.keeperSocket())
	if err != nil {
		return errors.Join(err, removeFile(c.Dirs.lockFile()))
	}
	l, err := listenerOf(own)
	if err != nil {
		return err
	}
	go k.accept(l)
	if launcher != nil {
		go (&session{k: k, conn: launcher}).serve()
	}
	clean := k.supervise(ctx, signals)
	return errors.Join(k.failure, k.end(l, clean))
}

func newKeeper(c Config) *keeper {
	k := &keeper{
		dirs: c.Dirs, args: c.Switch, log: c.Log,
		holds:  holds{boxes: map[string]*sandbox.Sandbox{}},
		runs:   runs{all: map[string]*run{}},
		wanted: make(chan chan error), reports: make(chan report), ended: make(chan *child),
		done: make(chan struct{}),
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// end ends everything that is kept. The log stays where something went wrong. The
// lock goes last: whoever gets it finds nothing left.
func (k *keeper) end(l *net.UnixListener, clean bool) error {
	k.runs.closeAll()
	errs := []error{k.holds.closeAll(), l.Close()}
	k.answering.Lock()
	files := []string{k.dirs.Socket, k.dirs.keeperSocket()}
	if clean {
		files = append(files, k.dirs.Log(), oldLog(k.dirs.Log()))
	}
	for _, path := range append(files, k.dirs.lockFile()) {
		errs = append(errs, removeFile(path))
	}
	if clean && k.dirs.ours() {
		// Where something lies in it, it stays; who launches anew makes it again.
		_ = os.Remove(k.dirs.Runtime)
	}
	return errors.Join(errs...)
}

const (
	// keeperEnv tells a keeper the numbers of the descriptors that it inherits: the
	// lock and a connection to who launched it.
	keeperEnv = "VSWITCH_KEEPER"
	// switchEnv tells a switch process the same of the listener and the control
	// connection, and how often it was started again.
	switchEnv = "VSWITCH_SWITCH_PROCESS"
)

// inherited returns what Launch has passed on, or takes the lock here.
func inherited(d Dirs) (lock *os.File, launcher *conn, err error) {
	numbers, err := takeEnv(keeperEnv, 2)
	if err != nil {
		return nil, nil, err
	}
	if numbers == nil {
		if err := d.make(); err != nil {
			return nil, nil, err
		}
		lock, err = takeLock(d.lockFile())
		return lock, nil, err
	}
	launcher, err = connOf(fileOf(numbers[1], "launcher"))
	return fileOf(numbers[0], "lock"), launcher, err
}

// takeEnv reads n numbers from an environment variable and clears it, so that no
// program finds it; nil when it is not set.
func takeEnv(name string, n int) ([]int, error) {
	text, ok := os.LookupEnv(name)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(name); err != nil {
		return nil, fmt.Errorf("keeper: clear %s: %w", name, err)
	}
	numbers := make([]int, n)
	into := make([]any, n)
	for i := range numbers {
		into[i] = &numbers[i]
	}
	if _, err := fmt.Sscan(text, into...); err != nil {
		return nil, fmt.Errorf("keeper: %s=%q: %w", name, text, err)
	}
	return numbers, nil
}

// fileOf takes an inherited descriptor over; programs do not inherit it further.
func fileOf(fd int, name string) *os.File {
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}
