package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"vswitch/internal/api"
)

// NotRunning reports whether err says that no switch runs at the socket: there is
// no socket, or nobody listens.
func NotRunning(err error) bool {
	if _, ok := errors.AsType[*dialError](err); !ok {
		return false
	}
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// broken makes the error of a call that got no answer, or no whole one.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return api.Errorf(api.TimedOut, ctx.Err(), "the switch at %s did not answer in time", c.socket)
	case ctx.Err() != nil:
		return api.Errorf(api.Interrupted, ctx.Err(), "the call to the switch was interrupted")
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return c.unreachable(err)
	}
	_, system := errors.AsType[syscall.Errno](err)
	if system || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return api.Errorf(api.SwitchUnreachable, err, "the switch at %s broke off", c.socket).
			Because("the connection ended before the answer did (%s)", api.Reason(err)).
			WithFix("see whether it still runs:  vswitch status")
	}
	return c.strange(err, api.Reason(err))
}

// unreachable says why nothing could be connected to. The error keeps its cause
// for NotRunning.
func (c *Client) unreachable(err error) error {
	e := api.Errorf(api.SwitchUnreachable, err, "cannot reach the switch at %s", c.socket)
	switch {
	case errors.Is(err, syscall.ENOENT):
		e = e.Because("there is no such socket: no switch runs (ENOENT)")
	case errors.Is(err, syscall.ECONNREFUSED):
		e = e.Because("nobody listens there: a switch ended without cleaning up (ECONNREFUSED)")
	case errors.Is(err, syscall.EACCES):
		e = e.Because("it belongs to another user (EACCES)").
			WithFix("see whose it is:  ls -l %s\nuse a switch of your own:  vswitch up", c.socket)
	case errors.Is(err, syscall.ENAMETOOLONG):
		e = e.WithFix("choose a shorter path with --socket")
	}
	return e
}

// strange is the error of an answer that is not one of a switch.
func (c *Client) strange(cause error, why string) error {
	return api.Errorf(api.Unexpected, cause, "what answers at %s is not a switch, or a broken one", c.socket).
		Because("%s", why)
}

// maxErrorBody bounds what is read of an answer that is an error.
const maxErrorBody = 1 << 20

// check returns the error that an answer is, or nil. The version comes first:
// nothing else of another version's answer has a known meaning.
func (c *Client) check(ctx context.Context, resp *http.Response) error {
	theirs := resp.Header.Get(api.HeaderAPI)
	if theirs == "" {
		return c.strange(nil, fmt.Sprintf("it answered %q without the header %s", resp.Status, api.HeaderAPI))
	}
	if theirs != strconv.Itoa(api.Version) {
		return api.Errorf(api.VersionMismatch, nil, "the switch at %s does not speak this program's version of the API", c.socket).
			Because("the switch is version %.40s and speaks API %.20s, the program is version %s and speaks API %d",
				resp.Header.Get(api.HeaderVersion), theirs, c.version, api.Version)
	}
	if resp.StatusCode < 300 {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return c.broken(ctx, err)
	}
	var e api.Error
	if err := json.Unmarshal(b, &e); err != nil {
		return c.strange(err, fmt.Sprintf("it answered %q without an error that can be read", resp.Status))
	}
	return &e
}
