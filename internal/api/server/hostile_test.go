package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
)

// upgraded asks for the upgrade by hand and returns the stream after 101.
func upgraded(t testing.TB, r *rig) (*net.UnixConn, *bufio.Reader) {
	t.Helper()
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: r.socket, Net: "unix"})
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	must(t, nc.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(nc, "POST /v1/containers/web/start HTTP/1.1\r\nHost: x\r\n"+
		"Connection: keep-alive, upgrade\r\nUpgrade: "+api.Upgrade+"\r\nContent-Length: 0\r\n\r\n")
	must(t, err)
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, nil)
	must(t, err)
	if resp.StatusCode != 101 || resp.Header.Get("Upgrade") != api.Upgrade || resp.Header.Get(api.HeaderAPI) != "1" {
		t.Fatalf("answer %v", resp)
	}
	return nc, in
}

// hostile does something after 101 and returns the event that answers it.
func hostile(t testing.TB, r *rig, do func(*net.UnixConn)) api.Event {
	t.Helper()
	nc, in := upgraded(t, r)
	defer nc.Close()
	do(nc)
	line, err := in.ReadBytes('\n')
	must(t, err)
	var e api.Event
	must(t, json.Unmarshal(line, &e))
	return e
}

// handing sends bytes with so many descriptors.
func handing(t testing.TB, fds int, text string) func(*net.UnixConn) {
	return func(nc *net.UnixConn) {
		var oob []byte
		if fds > 0 {
			oob = syscall.UnixRights(slices.Repeat([]int{0}, fds)...)
		}
		if _, _, err := nc.WriteMsgUnix([]byte(text), oob, nil); err != nil {
			t.Error(err)
		}
	}
}

// Who does not keep to the protocol starts nothing, and is told why.
func TestHostileUpgrades(t *testing.T) {
	b := &fake{start: func(context.Context, string, []*os.File) (Run, error) {
		t.Error("something was started")
		return nil, errors.New("started")
	}}
	r := serve(t, b, func(c *Config) { c.handOver = 100 * time.Millisecond })
	tests := []struct {
		name string
		do   func(*net.UnixConn)
		why  string
	}{
		{"no descriptors", handing(t, 0, "x"), "0 came, want 3"},
		{"too few", handing(t, 2, "x"), "2 came, want 3"},
		{"too many", handing(t, 4, "x"), "4 came, want 3"},
		{"as many as there can be", handing(t, scmMaxFD, "x"), "253 came, want 3"},
		{"garbage first", func(nc *net.UnixConn) {
			handing(t, 0, strings.Repeat("garbage", 100))(nc)
			// The server may have closed the connection by now.
			_, _, _ = nc.WriteMsgUnix([]byte("x"), syscall.UnixRights(0, 0, 0), nil)
		}, "0 came, want 3"},
		{"silence", func(*net.UnixConn) {}, "timeout"},
		{"the end", func(nc *net.UnixConn) { must(t, nc.CloseWrite()) }, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := hostile(t, r, tt.do)
			if e.Error == nil || e.Error.Code != api.InvalidValue || !strings.Contains(e.Error.Why, tt.why) || e.Type != "exited" {
				t.Errorf("event %+v %v", e, e.Error)
			}
		})
	}
}

// What is sent before 101 was read by HTTP, and its descriptors are lost: the
// server says so instead of waiting for them.
func TestDescriptorsTooEarly(t *testing.T) {
	r := serve(t, &fake{start: cat})
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: r.socket, Net: "unix"})
	must(t, err)
	defer nc.Close()
	must(t, nc.SetDeadline(time.Now().Add(patience)))
	handing(t, 3, "POST /v1/containers/web/start HTTP/1.1\r\nHost: x\r\n"+
		"Connection: upgrade\r\nUpgrade: "+api.Upgrade+"\r\n\r\nx")(nc)
	all, err := io.ReadAll(nc)
	must(t, err)
	if !strings.Contains(string(all), "before the answer 101") {
		t.Errorf("answer %s", all)
	}
}

// A client that breaks the protocol later is cut off; its program goes on.
func TestHostileSignals(t *testing.T) {
	p := newRun()
	r := serve(t, &fake{start: func(context.Context, string, []*os.File) (Run, error) { return p, nil }})
	for _, line := range []string{
		"{}\n", `{"signal":0}` + "\n", `{"signal":65}` + "\n", `{"signal":-1}` + "\n", `{"signal":9,"x":1}` + "\n",
		`{"signal":9}{"signal":9}` + "\n", "\n", "garbage\n", strings.Repeat("x", 4*maxControl),
	} {
		nc, in := upgraded(t, r)
		handing(t, 3, "x")(nc)
		_, err := in.ReadBytes('\n')
		must(t, err)
		_, err = io.WriteString(nc, line)
		must(t, err)
		if rest, err := io.ReadAll(in); len(rest) != 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%.20q: answered %q, %v", line, rest, err)
		}
		nc.Close()
	}
	if len(p.signals) != 0 {
		t.Errorf("%d signals arrived", len(p.signals))
	}
	for range 9 {
		p.end <- 0 // every session waits for the program still
	}
}

// The kernel writes control messages, but lengths are lengths.
func FuzzRights(f *testing.F) {
	f.Add(syscall.UnixRights(1, 2, 3))
	f.Add(append(syscall.UnixRights(1), syscall.UnixRights(2, 3)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, oob []byte) {
		if fds, _ := rights(oob); len(fds)*4 > len(oob) {
			t.Fatalf("%d descriptors in %d bytes", len(fds), len(oob))
		}
	})
}

// A line of the client is a signal that exists, or an error.
func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"signal":15}`))
	f.Add([]byte(`{"signal":1e1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if sig, err := control(line); err == nil && (sig < 1 || sig > maxSignal || !json.Valid(line)) {
			t.Fatalf("%q is signal %d", line, sig)
		}
	})
}
