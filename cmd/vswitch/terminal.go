package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"vswitch/internal/api"
)

// ttyFlags say whether a program gets a terminal of its own.
type ttyFlags struct{ tty, interactive bool }

func (t *ttyFlags) add(f *pflag.FlagSet) {
	f.BoolVarP(&t.tty, "tty", "t", false, "give it a terminal (default: where this one is on a terminal)")
	f.BoolVarP(&t.interactive, "interactive", "i", false, "no effect: stdin is always handed over")
}

// wanted is what the flag says or, without it, whether stdin and stdout are
// terminals.
func (t *ttyFlags) wanted(a *app, f *pflag.FlagSet) bool {
	if f.Changed("tty") {
		return t.tty
	}
	return isTerminal(a.in) && isTerminal(a.out)
}

// isTerminal asks the kernel; a character device need not be a terminal.
func isTerminal(s any) bool {
	f, ok := s.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// drainTime is how long what an ended program has written may take to come through
// its terminal; what it left in the background may hold that open for ever.
const drainTime = 200 * time.Millisecond

// onTerminal runs a program on a terminal made for it. The caller's own becomes a
// plain wire to it - raw, without echo, ctrl-C a byte - until the program has ended.
func (a *app) onTerminal(ctx context.Context, files [3]*os.File, start starter, signals chan os.Signal, stop string) (code int, err error) {
	master, slave, err := openTerminal()
	if err != nil {
		return 0, api.Errorf(api.RunFailed, err, "cannot make a terminal for the program")
	}
	defer master.Close()
	defer followSize(files[0], master)()
	p, err := startOn(ctx, slave, start)
	if err != nil {
		return 0, err
	}
	restore, err := rawMode(files[0])
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, restore()) }()
	go feed(master, files[0])
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(files[1], master) // EIO when nobody has the other side any more
	}()
	code, err = a.follow(ctx, p, signals, stop)
	_ = master.SetReadDeadline(time.Now().Add(drainTime))
	<-drained
	return code, err
}

// openTerminal makes a terminal. Reads of its master take a deadline: the module's
// own file does not, since asking it for its descriptor makes it block.
func openTerminal() (master, slave *os.File, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	fd, err := syscall.Dup(int(blocking.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("dup", err), slave.Close())
	}
	return os.NewFile(uintptr(fd), blocking.Name()), slave, nil
}

// startOn starts the program on its side of the terminal and lets go of that: the
// last to close it is the program.
func startOn(ctx context.Context, slave *os.File, start starter) (program, error) {
	defer slave.Close()
	// Programs expect a terminal whose reads wait.
	if err := syscall.SetNonblock(int(slave.Fd()), false); err != nil {
		return nil, api.Errorf(api.RunFailed, err, "cannot make a terminal for the program")
	}
	return start(ctx, [3]*os.File{slave, slave, slave})
}

// feed copies what is typed to the program. At the end of a stdin that is no
// terminal it types the end of input.
func feed(master io.Writer, in *os.File) {
	const endOfInput = 4 // ctrl-D, VEOF of termios(3)
	if _, err := io.Copy(master, in); err == nil && !isTerminal(in) {
		_, _ = master.Write([]byte{endOfInput})
	}
}

// rawMode makes a terminal raw, and returns what makes it as it was; what is no
// terminal stays as it is.
func rawMode(f *os.File) (restore func() error, err error) {
	if !isTerminal(f) {
		return func() error { return nil }, nil
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, api.Errorf(api.RunFailed, err, "cannot set this terminal to raw mode")
	}
	return func() error { return term.Restore(int(f.Fd()), before) }, nil
}

// followSize keeps the program's terminal as large as the caller's, until the
// function that it returns is called.
func followSize(outer, master *os.File) (stop func()) {
	if !isTerminal(outer) {
		return func() {}
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH)
	_ = pty.InheritSize(outer, master) // a terminal without a size is one too
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-changes:
				_ = pty.InheritSize(outer, master)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changes)
		close(done)
		<-ended // it must not use the descriptor any more
	}
}
