package client

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
)

// switching is a server that takes descriptors and then says text on the stream.
// Requests to wait it answers with waits.
func switching(t *testing.T, text, waits string) *Client {
	return doing(t, func(c *net.UnixConn, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/wait") {
			_, _ = io.WriteString(c, waits)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: "+api.Upgrade+"\r\nConnection: Upgrade\r\nVSwitch-Api: 1\r\n\r\n")
		b, oob := make([]byte, 1), make([]byte, 1024)
		if _, n, _, _, err := c.ReadMsgUnix(b, oob); err == nil {
			drop(oob[:n])
		}
		_, _ = io.WriteString(c, text)
	})
}

// drop closes the descriptors of a control message.
func drop(oob []byte) {
	messages, _ := syscall.ParseSocketControlMessage(oob)
	for _, m := range messages {
		fds, _ := syscall.ParseUnixRights(&m)
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}
}

var standard = &[3]*os.File{os.Stdin, os.Stdout, os.Stderr}

const (
	begun = `{"type":"started","exec":"r1","pid":7}` + "\n"
	ended = `{"type":"exited","exec":"r1","code":5}` + "\n"
)

func TestStartReadsStrangeStreams(t *testing.T) {
	tests := []struct {
		name, text string
		code       api.Code
	}{
		{"nothing", "", api.SwitchUnreachable},
		{"half a line", `{"type":"sta`, api.SwitchUnreachable},
		{"garbage", "garbage\n", api.Unexpected},
		{"no end", strings.Repeat("x", maxEvent+1), api.Unexpected},
		{"an end without a start", ended, api.Unexpected},
		{"an error", `{"type":"exited","error":{"schema":"vswitch/v1/error","code":"VS-RUN-003","message":"m"}}` + "\n", api.NoCommand},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := switching(t, tt.text, "").Start(within(t), "web", standard)
			expect(t, err, tt.code)
		})
	}
}

// However the stream goes wrong, the switch is asked for the run.
func TestWaitAsksWhenTheStreamBreaks(t *testing.T) {
	for _, rest := range []string{"", `{"type":"exi`, "garbage\n", begun, strings.Repeat("x", maxEvent+1)} {
		c := switching(t, begun+rest, ok(`{"StatusCode":9}`))
		run, err := c.Start(within(t), "web", standard)
		must(t, err)
		if code, err := run.Wait(within(t)); code != 9 || err != nil || run.ID() != "r1" || run.PID() != 7 {
			t.Errorf("%.20q: %d, %v", rest, code, err)
		}
	}
	c := switching(t, begun+ended, "")
	run, err := c.Start(within(t), "web", standard)
	must(t, err)
	if code, err := run.Wait(within(t)); code != 5 || err != nil {
		t.Errorf("a whole stream: %d, %v", code, err)
	}
}

// A switch that has forgotten the run, or never comes back, ends the wait.
func TestWaitGivesUp(t *testing.T) {
	forgotten := "HTTP/1.1 404 Not Found\r\nVSwitch-Api: 1\r\n\r\n" + `{"schema":"vswitch/v1/error","code":"VS-OBJ-001","message":"no run"}`
	run, err := switching(t, begun, forgotten).Start(within(t), "web", standard)
	must(t, err)
	_, err = run.Wait(within(t))
	expect(t, err, api.UnknownName)

	c := switching(t, begun, "") // it closes every connection without an answer
	c.patience, c.pause = 20*time.Millisecond, time.Millisecond
	run, err = c.Start(within(t), "web", standard)
	must(t, err)
	_, err = run.Wait(within(t))
	expect(t, err, api.SwitchUnreachable)
}

// An interrupted wait can be taken up again.
func TestWaitTwice(t *testing.T) {
	c := switching(t, begun, ok(`{"StatusCode":9}`))
	run, err := c.Start(within(t), "web", standard)
	must(t, err)
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	_, err = run.Wait(ctx)
	expect(t, err, api.Interrupted)
	for range 2 {
		if code, err := run.Wait(within(t)); code != 9 || err != nil {
			t.Errorf("%d, %v", code, err)
		}
	}
}

// A program on its own is waited for, and signalled, by its ID.
func TestDetachedRun(t *testing.T) {
	signals := 0
	c := doing(t, func(nc *net.UnixConn, req *http.Request) {
		answer := ok(begun)
		if strings.HasSuffix(req.URL.Path, "/exec/r1/wait") {
			answer = ok(`{"StatusCode":4}`)
		}
		if strings.HasSuffix(req.URL.Path, "/exec/r1/signal") {
			signals++
			answer = ok(`{}`)
		}
		_, _ = io.WriteString(nc, answer)
	})
	run, err := c.Start(within(t), "web", nil)
	must(t, err)
	if err := run.Signal(15); err != nil || signals != 1 {
		t.Errorf("%d signals, %v", signals, err)
	}
	must(t, run.Close())
	if code, err := run.Wait(within(t)); code != 4 || err != nil || run.PID() != 7 {
		t.Errorf("%d, %v", code, err)
	}
}

// A descriptor that is none is the caller's mistake.
func TestStartWithAClosedFile(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	r.Close()
	w.Close()
	c := switching(t, begun, "")
	for _, f := range []*os.File{r, nil} {
		_, err = c.Start(within(t), "web", &[3]*os.File{os.Stdin, f, os.Stderr})
		expect(t, err, api.RunFailed, "bad file descriptor (EBADF)")
	}
}
