package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
)

// report is what a switch process says of itself: ready, failed or end.
type report struct {
	child *child
	op    op
	told  *api.Error
}

// supervisor looks after the switch process. Only its own goroutine touches it.
type supervisor struct {
	k      *keeper
	policy policy
	// api is the listening socket of the API, nil after giving up.
	api *os.File
	// child is the switch process, nil when there is none.
	child    *child
	restarts int
	waiters  []chan error
	// ending: the next end of the switch process is the last.
	ending bool
	// clean: it has asked for the end itself.
	clean bool
	// everReady: it was ready once, so there may be something to keep.
	everReady bool
}

// supervise keeps the switch process running until the end. Clean tells whether
// the switch process itself has asked for that.
func (k *keeper) supervise(ctx context.Context, signals <-chan os.Signal) (clean bool) {
	s := &supervisor{k: k}
	s.begin()
	for ctxDone := ctx.Done(); !s.ending || s.child != nil; {
		select {
		case w := <-k.wanted:
			s.want(w)
		case r := <-k.reports:
			s.note(r)
		case c := <-k.ended:
			s.afterEnd(c)
		case sig := <-signals:
			s.signal(sig)
		case <-ctxDone:
			ctxDone = nil
			s.signal(unix.SIGTERM)
		}
	}
	close(k.done)
	s.reply(ErrEnding)
	s.refuse()
	return s.clean
}

// launch asks the supervisor for a switch process and waits until it is ready.
func (k *keeper) launch() error {
	w := make(chan error, 1)
	select {
	case k.wanted <- w:
		return <-w
	case <-k.done:
		return cmp.Or(k.failure, ErrEnding)
	}
}

// report brings what a switch process says to the supervisor.
func (k *keeper) report(r report) {
	select {
	case k.reports <- r:
	case <-k.done:
	}
}

// begin listens, if that was given up, and starts the switch process.
func (s *supervisor) begin() {
	if s.api == nil {
		var err error
		if s.api, err = listen(s.k.dirs.Socket); err != nil {
			s.giveUp(fmt.Errorf("%w: %w", errNotReady, err))
			return
		}
	}
	c, err := s.k.startChild(s.api, s.restarts)
	if err != nil {
		s.giveUp(fmt.Errorf("%w: %w", errNotReady, err))
		return
	}
	s.child = c
}

// want is a wish for a running switch process.
func (s *supervisor) want(w chan error) {
	switch {
	case s.ending:
		w <- ErrEnding
	case s.child != nil && s.child.ready:
		w <- nil
	default:
		s.waiters = append(s.waiters, w)
		if s.child == nil {
			s.policy.forgive()
			s.restarts++
			s.begin()
		}
	}
}

func (s *supervisor) note(r report) {
	if r.child != s.child {
		return // the words of one that has died since
	}
	switch r.op {
	case opReady:
		s.child.ready, s.everReady = true, true
		s.reply(nil)
	case opFailed:
		s.child.failed = r.told
	case opEnd:
		s.ending, s.clean = true, true
	}
}

// afterEnd decides what follows the end of the switch process.
func (s *supervisor) afterEnd(c *child) {
	s.child = nil
	if s.ending {
		return
	}
	s.k.log.Warn("the switch process has ended", "how", c.how, "ready", c.ready, "restarts", s.restarts)
	switch {
	case c.failed != nil:
		s.giveUp(c.failed)
	case s.everReady && s.policy.again(time.Now()):
		s.restarts++
		s.begin()
	default:
		s.giveUp(fmt.Errorf("%w: %s", errNotReady, c.how))
	}
}

// giveUp leaves the switch process down until somebody wants it. Without anything
// to keep it is the end.
func (s *supervisor) giveUp(why error) {
	s.k.log.Error("there is no switch process", "why", why)
	s.refuse()
	if !s.everReady {
		s.ending, s.k.failure = true, why
	}
	s.reply(why)
}

// refuse closes the socket of the API: clients are refused at once.
func (s *supervisor) refuse() {
	if s.api != nil {
		_ = s.api.Close() // nothing was written to it
		s.api = nil
	}
}

func (s *supervisor) reply(err error) {
	for _, w := range s.waiters {
		w <- err
	}
	s.waiters = nil
}

// signal passes a request for the end on to the switch process, which has much to
// take down. It is done when that has ended, however.
func (s *supervisor) signal(sig os.Signal) {
	s.ending = true
	if s.child == nil {
		return
	}
	if err := s.child.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.k.log.Warn("the switch process cannot be told to end", "err", err)
	}
}
