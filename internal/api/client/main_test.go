package client

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vswitch/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patienceOfTests bounds how long a test waits for what must come.
const patienceOfTests = 30 * time.Second

// must stops the test on an error of a set-up call.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within returns a context that ends a test that hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	t.Cleanup(cancel)
	return ctx
}

// socketDir returns a directory whose path is short enough for sockets.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vsapi")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listen listens at a path.
func listen(t testing.TB, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// saying is a server that reads a request, answers with text as it stands, and
// closes the connection.
func saying(t testing.TB, text string) *Client {
	return doing(t, func(c *net.UnixConn, _ *http.Request) { _, _ = c.Write([]byte(text)) })
}

// doing is a server that does something with each request.
func doing(t testing.TB, do func(*net.UnixConn, *http.Request)) *Client {
	t.Helper()
	l := listen(t, filepath.Join(socketDir(t), "s"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				do(c, req)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return New(l.Addr().String(), "1.2.3")
}

// ok is an answer with a body.
func ok(body string) string {
	return "HTTP/1.1 200 OK\r\nVSwitch-Api: 1\r\nVSwitch-Version: 1.2.3\r\n\r\n" + body
}

// expect checks an error's code, and that its text has some parts.
func expect(t *testing.T, err error, code api.Code, parts ...string) {
	t.Helper()
	e, coded := errors.AsType[*api.Error](err)
	if !coded || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
		return
	}
	for _, part := range parts {
		if !strings.Contains(e.Text(), part) {
			t.Errorf("%q lacks %q", e.Text(), part)
		}
	}
}
