package client

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

// Why nothing could be reached is told apart, for people and for start on demand.
func TestUnreachable(t *testing.T) {
	dir := socketDir(t)
	dead := filepath.Join(dir, "dead")
	l := listen(t, dead)
	l.SetUnlinkOnClose(false)
	l.Close()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	tests := []struct {
		name, socket string
		notRunning   bool
		why          string
	}{
		{"no socket", filepath.Join(dir, "none"), true, "no such socket: no switch runs (ENOENT)"},
		{"no directory", filepath.Join(dir, "no", "s"), true, "ENOENT"},
		{"a long path to nothing", filepath.Join(dir, strings.Repeat("x", 200), "s"), true, "ENOENT"},
		{"nobody listens", dead, true, "(ECONNREFUSED)"},
		{"no socket but a file", filepath.Join(dir, "file"), true, "(ECONNREFUSED)"},
		{"no directory but a file", filepath.Join(dir, "file", "s"), false, "not a directory"},
		{"a name too long", filepath.Join(dir, strings.Repeat("x", 200)), false, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(tt.socket, "1.2.3")
			_, err := c.Status(within(t))
			expect(t, err, api.SwitchUnreachable, "cannot reach the switch at "+tt.socket, tt.why)
			_, errStart := c.Start(within(t), "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
			expect(t, errStart, api.SwitchUnreachable, tt.why)
			if NotRunning(err) != tt.notRunning || NotRunning(errStart) != tt.notRunning {
				t.Errorf("NotRunning is not %v", tt.notRunning)
			}
		})
	}
}

// The kernel's refusal, and what else is no sign that a switch may be started.
func TestNotRunning(t *testing.T) {
	c := New("/run/x", "1")
	refused := c.broken(context.Background(), &dialError{&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}})
	expect(t, refused, api.SwitchUnreachable, "it belongs to another user (EACCES)", "ls -l /run/x")
	fromSwitch := api.Errorf(api.SwitchUnreachable, syscall.ENOENT, "no")
	for _, err := range []error{nil, refused, fromSwitch, syscall.ENOENT} {
		if NotRunning(err) {
			t.Errorf("NotRunning(%v)", err)
		}
	}
}

// A path that no address holds is reached all the same, and costs no descriptor.
func TestLongPaths(t *testing.T) {
	deep := socketDir(t)
	for range 3 {
		deep = filepath.Join(deep, strings.Repeat("d", 90))
	}
	must(t, os.MkdirAll(deep, 0o700))
	name := filepath.Join(deep, "vswitch.sock")
	short, done, err := shorten(name)
	must(t, err)
	l := listen(t, short)
	defer done()
	served := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				served <- err
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = c.Write([]byte(ok(`{"version":"long"}`)))
				}
			}()
		}
	}()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for range 20 {
		if s, err := New(name, "1").Status(within(t)); err != nil || s.Version != "long" {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if now, err := os.ReadDir("/proc/self/fd"); err != nil || len(now) > len(fds)+2 {
		t.Errorf("%d descriptors became %d", len(fds), len(now))
	}
	l.Close()
	<-served
}

// The longest path that needs no help, and the shortest that does.
func TestPathAtTheLimit(t *testing.T) {
	dir := socketDir(t)
	for _, n := range []int{maxPath, maxPath + 1} {
		path := filepath.Join(dir, strings.Repeat("x", n-len(dir)-1))
		if n == maxPath {
			l := listen(t, path)
			conn, err := dialUnix(within(t), path)
			must(t, err)
			conn.Close()
			l.Close()
			continue
		}
		if _, err := dialUnix(within(t), path); err == nil || NotRunning(err) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// What the answer cannot be written to is not the switch's fault.
func TestMetricsCopiesAsItStands(t *testing.T) {
	var out bytes.Buffer
	if err := saying(t, ok("a 1\n\x00b")).Metrics(within(t), &out); err != nil || out.String() != "a 1\n\x00b" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
