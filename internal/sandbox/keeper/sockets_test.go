package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/testnet"
)

// bound makes a socket as a service manager does, non-blocking, and returns its
// address. The file is whoever's it is passed to.
func bound(t testing.TB, name string, kind int) (*os.File, string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	f := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { f.Close() })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if kind == unix.SOCK_STREAM {
		must(t, unix.Listen(fd, 10))
	}
	at, err := unix.Getsockname(fd)
	must(t, err)
	return f, fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
}

// inode is the number by which /proc names a socket.
func inode(t testing.TB, f *os.File) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	must(t, err)
	return link
}

// has returns the descriptors that a process has of a socket.
func has(t testing.TB, pid int, socket string) (fds []string) {
	t.Helper()
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	must(t, err)
	for _, f := range all {
		if link, _ := os.Readlink(f); link == socket { // it may be closed
			fds = append(fds, filepath.Base(f))
		}
	}
	return fds
}

// greeting reads who a client is served by.
func greeting(t testing.TB, c net.Conn) string {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(testnet.Patience)))
	b, err := io.ReadAll(c)
	must(t, err)
	must(t, c.Close())
	return string(b)
}

// dialed is a client of a socket; it waits in the backlog until it is accepted.
func dialed(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must(t, err)
	return c
}

// Every switch process has the sockets, and a client that comes between two of them
// waits for the second.
func TestSocketsOverRestarts(t *testing.T) {
	r := newRig(t)
	tcp, web := bound(t, "web: a \"name\"", unix.SOCK_STREAM)
	udp, names := bound(t, "dns.socket", unix.SOCK_DGRAM)
	socket := inode(t, tcp)
	must(t, r.launch(tcp, udp))
	if fds := has(t, os.Getpid(), socket); len(fds) != 0 {
		t.Errorf("still open here: %v", fds)
	}
	want := []Passed{{`web: a "name"`, web}, {"dns.socket", names}}
	passed := func() {
		t.Helper()
		var got []Passed
		if r.call("Sockets", None{}, &got); !slices.Equal(got, want) {
			t.Fatalf("passed %q, want %q", got, want)
		}
	}
	passed()
	for range 3 {
		r.killSwitch()
		passed()
	}
	r.mode("die")
	r.die()
	eventually(t, "the keeper gives up", func() bool {
		_, err := net.Dial("unix", r.dirs.Socket)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	early := dialed(t, web)
	r.mode("")
	must(t, r.launch())
	passed()
	r.call("Greet", None{}, &None{})
	if got, want := greeting(t, early), fmt.Sprint(r.about().PID); got != want {
		t.Errorf("served by %s, not %s", got, want)
	}
	r.end()
	eventually(t, "clients are refused", func() bool {
		_, err := net.Dial("tcp", web)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// Nobody finds the sockets but the keeper and the switch process, and the keeper does
// not look at them.
func TestSocketsAreForTheSwitchOnly(t *testing.T) {
	r := newRig(t)
	tcp, _ := bound(t, "web.socket", unix.SOCK_STREAM)
	socket := inode(t, tcp)
	must(t, r.launch(tcp))
	r.make("web")
	r.killSwitch()
	about := r.about()
	program := r.run("long", "web", "env; echo begun; exec sleep 1000")
	r.await("long", "begun")
	if text := r.said("long"); strings.Contains(text, "web.socket") {
		t.Errorf("a program finds in its environment:\n%s", text)
	}
	var inside string
	r.call("Inside", []string{"web", "sh", "-c", "env; ls -l /proc/self/fd"}, &inside)
	if strings.Contains(inside, socket) || strings.Contains(inside, "web.socket") {
		t.Errorf("a program of the switch process finds\n%s", inside)
	}
	for who, want := range map[int]int{about.Keeper: 1, about.PID: 1, program: 0} {
		if fds := has(t, who, socket); len(fds) != want {
			t.Errorf("process %d of %+v, program %d, has it as %v", who, about, program, fds)
		}
	}
	fd := has(t, about.Keeper, socket)[0]
	polls, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", about.Keeper))
	must(t, err)
	for _, path := range polls {
		b, _ := os.ReadFile(path) // it may be closed
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "tfd:" && f[1] == fd {
				t.Errorf("the keeper is woken by clients: %s", line)
			}
		}
	}
}

// A keeper that runs keeps the sockets that it has, and whoever brings more is told.
func TestSocketsThatComeLate(t *testing.T) {
	r := newRig(t)
	first, web := bound(t, "first", unix.SOCK_STREAM)
	must(t, r.launch(first))
	about := r.about()
	before := descriptors(t, about.Keeper)
	late, address := bound(t, "late", unix.SOCK_STREAM)
	if err := r.launch(late); !errors.Is(err, ErrSocketsLate) {
		t.Errorf("launch: %v", err)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("somebody has it still: %v", err)
	}
	var got []Passed
	if r.call("Sockets", None{}, &got); !slices.Equal(got, []Passed{{"first", web}}) {
		t.Errorf("passed %q", got)
	}
	eventually(t, "the keeper has no more descriptors", func() bool { return descriptors(t, about.Keeper) <= before })
	if after := r.about(); after != about {
		t.Errorf("before %+v, after %+v", about, after)
	}
}

// A variable that nobody here has written is told of, and cleared all the same.
func TestTakeSockets(t *testing.T) {
	for text, want := range map[string]string{"": "unexpected end", "web": "invalid character", `{"web": 5}`: "cannot unmarshal"} {
		t.Setenv(socketsEnv, text)
		if got, err := takeSockets(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if left, there := os.LookupEnv(socketsEnv); there {
			t.Errorf("%s: it is left: %s", text, left)
		}
	}
}
