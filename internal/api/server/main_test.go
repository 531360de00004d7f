package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vswitch/internal/api"
	"vswitch/internal/api/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what must come; it is no measure of
// how fast it comes.
const patience = 30 * time.Second

// must stops the test on an error of a set-up call.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// within returns a context that ends a test that hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// rig is a server on a socket, and what speaks to it.
type rig struct {
	*Server
	socket string
	client *client.Client
	http   *http.Client
	log    *logged
	served chan error
}

// socketPath returns a path that is short enough for a socket.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vsapi")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// serve starts a server for the backend. change may alter it before.
func serve(t testing.TB, b Backend, change ...func(*Config)) *rig {
	return serveAt(t, socketPath(t), b, change...)
}

// serveAt is serve with a socket of the caller's choice.
func serveAt(t testing.TB, socket string, b Backend, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{socket: socket, log: new(logged), served: make(chan error, 1)}
	cfg := Config{Backend: b, Version: "1.2.3", UID: os.Geteuid(), Log: slog.New(slog.NewTextHandler(r.log, nil))}
	for _, f := range change {
		f(&cfg)
	}
	r.Server = New(cfg)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	must(t, err)
	go func() { r.served <- r.Serve(l) }()
	r.client = client.New(socket, "1.2.3")
	r.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop shuts the server down, once.
func (r *rig) stop(t testing.TB) {
	t.Helper()
	if r.served == nil {
		return
	}
	if err := r.Shutdown(within(t)); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
	r.served = nil
}

// answered is an answer, read.
type answered struct {
	status int
	header http.Header
	body   string
}

// do sends a request as it stands. header are pairs.
func (r *rig) do(t testing.TB, method, path, body string, header ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, "http://x"+path, strings.NewReader(body))
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.http.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return answered{resp.StatusCode, resp.Header, string(b)}
}

// error reads the answer's api.Error.
func (a answered) error(t testing.TB) *api.Error {
	t.Helper()
	var e api.Error
	if err := e.UnmarshalJSON([]byte(a.body)); err != nil {
		t.Fatalf("answer %d %q: %v", a.status, a.body, err)
	}
	return &e
}

// logged collects what was logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
