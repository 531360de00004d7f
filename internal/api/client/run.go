package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"vswitch/internal/api"
)

// signalTime is how long the switch may take to read a signal.
const signalTime = 5 * time.Second

// Run is a program that was started. Signal may be called at any time from any
// goroutine, Wait by one at a time.
type Run struct {
	c   *Client
	id  string
	pid int
	// conn is the stream and in its reader; both nil for a program on its own.
	conn *net.UnixConn
	in   *bufio.Reader

	sending sync.Mutex // one signal at a time
	done    bool       // Wait has found the end: code and err
	code    int
	err     error
}

// ID names the run for ExecWait.
func (r *Run) ID() string { return r.id }

// PID is the program's process as the host sees it.
func (r *Run) PID() int { return r.pid }

// Close lets go of the program, which goes on. After Wait has returned an end
// there is nothing left to close.
func (r *Run) Close() error {
	if r.conn == nil {
		return nil
	}
	return r.conn.Close()
}

// Signal sends the program a signal by its number: on the stream, or by the run's ID
// where there is none or it broke, as when the switch was started again.
func (r *Run) Signal(sig int) error {
	if r.conn != nil && r.write(sig) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), signalTime)
	defer cancel()
	return r.c.ExecSignal(ctx, r.id, api.Control{Signal: sig})
}

// write sends a signal on the stream.
func (r *Run) write(sig int) error {
	line, err := json.Marshal(api.Control{Signal: sig})
	if err != nil {
		return err
	}
	r.sending.Lock()
	defer r.sending.Unlock()
	_ = r.conn.SetWriteDeadline(time.Now().Add(signalTime))
	_, err = r.conn.Write(append(line, '\n'))
	return err
}

// Wait waits for the program's end and returns its exit code, 128+N when signal N
// ended it. When the stream breaks it asks the switch, or the one that is started
// in its place, for the same run. When ctx ends first the program goes on, and
// Wait may be called again. The code means something only without an error.
func (r *Run) Wait(ctx context.Context) (int, error) {
	if r.done {
		return r.code, r.err
	}
	code, ended, err := r.follow(ctx)
	if !ended {
		code, err = r.resume(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return 0, err
	}
	r.Close()
	r.done, r.code, r.err = true, code, err
	return code, err
}

// follow waits for the end on the stream. ended is false when the stream cannot
// tell: it broke, or there is none.
func (r *Run) follow(ctx context.Context) (code int, ended bool, err error) {
	if r.conn == nil {
		return 0, false, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) })
	e, err := event(r.in)
	if !stop() && err != nil {
		// What was read of a line is lost: from now on the switch is asked.
		return 0, true, r.c.broken(ctx, ctx.Err())
	}
	if err != nil || e.Type != "exited" {
		return 0, false, nil
	}
	if e.Error != nil {
		return e.Code, true, e.Error
	}
	return e.Code, true, nil
}

// resume asks for the run by its ID, and goes on without a switch for as long as
// one may take to be started again.
func (r *Run) resume(ctx context.Context) (int, error) {
	until := time.Now().Add(r.c.patience)
	for {
		asked := time.Now()
		code, err := r.c.ExecWait(ctx, r.id)
		if !gone(err) || ctx.Err() != nil {
			return code, err
		}
		if time.Since(asked) > r.c.patience {
			until = time.Now().Add(r.c.patience) // it was there: this is another restart
		}
		if time.Now().After(until) {
			return 0, err
		}
		select {
		case <-time.After(r.c.pause):
		case <-ctx.Done():
			return 0, r.c.broken(ctx, ctx.Err())
		}
	}
}

// gone reports whether err says that the switch does not answer now.
func gone(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == api.SwitchUnreachable
}
