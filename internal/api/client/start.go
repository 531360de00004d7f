package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"vswitch/internal/api"
)

// maxEvent bounds an event in bytes.
const maxEvent = 64 << 10

// Start starts a container's program with files as its stdin, stdout and stderr,
// or, with nil, on its own: its output goes to the container's log then. files
// stay the caller's; they are made to block, which is what programs expect.
func (c *Client) Start(ctx context.Context, ref string, files *[3]*os.File) (*Run, error) {
	path := at("/v1/containers/{}/start", ref)
	if files != nil {
		return c.attach(ctx, path, api.Start{Attach: true}, *files)
	}
	e, err := call[api.Event](ctx, c, http.MethodPost, path, api.Start{})
	if err != nil {
		return nil, err
	}
	return c.run(e)
}

// Exec runs one more program in a container, with files as in Start.
func (c *Client) Exec(ctx context.Context, ref string, e api.Exec, files [3]*os.File) (*Run, error) {
	return c.attach(ctx, at("/v1/containers/{}/exec", ref), e, files)
}

// run makes a Run of the event that began it, or the event's error.
func (c *Client) run(e api.Event) (*Run, error) {
	if e.Error != nil {
		return nil, e.Error
	}
	if e.Type != "started" {
		return nil, c.strange(nil, "a program did not start and there is no reason")
	}
	return &Run{c: c, id: e.Exec, pid: e.PID}, nil
}

// attach starts a program with descriptors. ctx bounds the start, not the run.
func (c *Client) attach(ctx context.Context, path string, body any, files [3]*os.File) (*Run, error) {
	req, err := c.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", api.Upgrade)
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { interrupt(conn) })
	in := bufio.NewReaderSize(conn, maxEvent)
	run, err := c.begin(ctx, conn, in, req, files)
	if !stop() && err == nil {
		err = c.broken(ctx, ctx.Err())
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	run.conn, run.in = conn, in
	return run, nil
}

// interrupt ends what waits for the connection, now and from now on.
func interrupt(conn *net.UnixConn) { _ = conn.SetDeadline(time.Unix(1, 0)) }

// begin asks for the upgrade, sends the descriptors and waits for the start.
func (c *Client) begin(ctx context.Context, conn *net.UnixConn, in *bufio.Reader, req *http.Request, files [3]*os.File) (*Run, error) {
	if err := req.Write(conn); err != nil {
		return nil, c.broken(ctx, err)
	}
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols || !strings.EqualFold(resp.Header.Get("Upgrade"), api.Upgrade) {
		if err := c.check(ctx, resp); err != nil {
			return nil, err
		}
		return nil, c.strange(nil, "it does not take descriptors over")
	}
	if err := send(conn, files); errors.Is(err, syscall.EBADF) {
		return nil, api.Errorf(api.RunFailed, err, "cannot hand stdin, stdout and stderr over")
	} else if err != nil {
		return nil, c.broken(ctx, err)
	}
	e, err := event(in)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	return c.run(e)
}

// send sends one byte with the descriptors. The kernel copies them: the program's
// are its own from then on.
func send(conn *net.UnixConn, files [3]*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd()) // -1 where there is no file, or a closed one
	}
	_, _, err := conn.WriteMsgUnix([]byte{0}, syscall.UnixRights(fds...), nil)
	runtime.KeepAlive(files)
	return err
}

// errLongEvent says that a line does not end.
var errLongEvent = errors.New("an event of its stream is too long")

// event reads one event.
func event(in *bufio.Reader) (e api.Event, err error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return e, errLongEvent
	}
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(line, &e)
}
