package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// foreground starts a keeper on the calling thread, which it dies with, and waits
// for its end.
func (l LaunchConfig) foreground(ctx context.Context, lock *os.File) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	here, p, err := l.start(lock, os.Stdout, os.Stderr, true)
	if err != nil {
		return err
	}
	closeAll(l.Sockets)
	if err := lock.Close(); err != nil { // they are the keeper's now
		return fmt.Errorf("keeper: pass the lock on: %w", err)
	}
	asked, ended := make(chan error, 1), make(chan error, 1)
	go func() { asked <- l.ask(ctx, here) }()
	go func() { ended <- end(p) }()
	var failure error
	for ctxDone := ctx.Done(); ; {
		select {
		case sig := <-signals:
			_ = p.Signal(sig) // it may have ended
		case <-ctxDone:
			ctxDone = nil
			_ = p.Signal(unix.SIGTERM)
		case err := <-asked:
			asked = nil
			if failure = err; err == nil && l.Ready != nil {
				l.Ready()
			}
		case err := <-ended:
			return l.outcome(failure, asked, err)
		}
	}
}

// outcome chooses what to tell of a keeper that has ended: why the switch process
// did not start rather than how the keeper ended.
func (l LaunchConfig) outcome(failure error, asked <-chan error, end error) error {
	if asked != nil {
		failure = <-asked
	}
	if end == nil && (errors.Is(failure, errGone) || errors.Is(failure, ErrEnding) || errors.Is(failure, context.Canceled)) {
		return nil // told to end before it was ready
	}
	if failure != nil {
		return l.explain(failure, nil)
	}
	return end
}

func end(p *os.Process) error {
	state, err := p.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("keeper: wait for the keeper: %w", err)
	case !state.Success():
		return fmt.Errorf("keeper: the keeper ended: %s", state)
	}
	return nil
}
