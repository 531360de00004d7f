package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"vswitch/internal/api"
)

// A program in the foreground has the caller's own descriptors, or a terminal made
// for it. This process waits, hands signals on, and ends with the program's exit
// code.

// forwarded are the signals that go on to the program.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// starter starts a program on descriptors, and does not close them.
type starter func(context.Context, [3]*os.File) (program, error)

// foreground starts a program and waits for its end. Stop is the command that ends
// the program when this one has left it.
func (a *app) foreground(ctx context.Context, tty bool, start starter, stop string) (int, error) {
	// The first signal ends ctx. Until the program is there it may end this too;
	// then it is the program's to answer.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	started := context.AfterFunc(ctx, cancel)
	inner := start
	start = func(_ context.Context, files [3]*os.File) (program, error) {
		defer started()
		return inner(running, files)
	}
	// Before the program is there: a signal that comes early must not be lost.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	files, err := a.descriptors()
	if err != nil {
		return 0, err
	}
	if tty {
		return a.onTerminal(running, files, start, signals, stop)
	}
	p, err := start(running, files)
	if err != nil {
		return 0, err
	}
	return a.follow(running, p, signals, stop)
}

// descriptors are the caller's stdin, stdout and stderr.
func (a *app) descriptors() (files [3]*os.File, err error) {
	for i, s := range []any{a.in, a.out, a.err} {
		f, ok := s.(*os.File)
		if !ok {
			return files, errors.New("a program in the foreground needs descriptors")
		}
		files[i] = f
	}
	return files, nil
}

// follow waits for the program's end and hands signals on to it meanwhile.
func (a *app) follow(ctx context.Context, p program, signals <-chan os.Signal, stop string) (int, error) {
	type end struct {
		code int
		err  error
	}
	done := make(chan end, 1)
	go func() {
		code, err := p.Wait(ctx)
		done <- end{code, err}
	}()
	var hurry impatience
	for {
		select {
		case e := <-done:
			return e.code, e.err
		case s := <-signals:
			if s == syscall.SIGINT && hurry.leave(a.now()) {
				return 0, leftBehind(stop)
			}
			if err := p.Signal(int(s.(syscall.Signal))); err != nil {
				fmt.Fprintf(a.err, "vswitch: the signal was not handed on: %s\n", api.Reason(err))
			}
		}
	}
}

// leftBehind is how this command ends when it leaves a program that goes on: like
// one that was interrupted.
func leftBehind(stop string) error {
	return api.Errorf(api.Interrupted, context.Canceled, "left before the program ended").
		Because("three interrupts within two seconds; the program goes on").WithFix("end it:  %s", stop)
}

// impatience notices three interrupts within two seconds.
type impatience struct{ at []time.Time }

func (i *impatience) leave(now time.Time) bool {
	i.at = append(i.at, now)
	i.at = slices.DeleteFunc(i.at, func(t time.Time) bool { return now.Sub(t) > 2*time.Second })
	return len(i.at) >= 3
}
