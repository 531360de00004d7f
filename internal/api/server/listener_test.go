package server

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/api/client"
)

// asUID runs f on a thread of another uid, which ends with it: the kernel notes the
// effective uid of the thread that connects.
func asUID(t *testing.T, uid int, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NEEDS-ROOT: to become another user")
	}
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of no use to others
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
		if errno == 0 {
			f()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Fatal(errno)
	}
}

// open lets every user connect, as a switch's socket does not.
func open(t *testing.T, socket string) {
	t.Helper()
	must(t, os.Chmod(filepath.Dir(socket), 0o755))
	must(t, os.Chmod(socket, 0o666))
}

// dialledBy returns an HTTP client on a connection that a user opened.
func (r *rig) dialledBy(t *testing.T, uid int) *rig {
	t.Helper()
	var nc net.Conn
	var err error
	asUID(t, uid, func() { nc, err = net.Dial("unix", r.socket) })
	must(t, err)
	theirs := *r
	theirs.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return nc, nil },
	}}
	return &theirs
}

func TestPeersOfOtherUsersAreRefused(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	open(t, r.socket)
	a := r.dialledBy(t, 65534).do(t, "GET", "/v1/status", "")
	if e := a.error(t); a.status != 403 || e.Code != api.SwitchUnreachable || !strings.Contains(e.Why, "the caller is uid 65534") {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	var err error
	asUID(t, 65534, func() {
		_, err = r.client.Start(context.Background(), "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	})
	if e := api.AsError(err); e == nil || e.Code != api.SwitchUnreachable || client.NotRunning(err) {
		t.Errorf("start: %v", err)
	}
	if name, _ := b.asked(); name != "" {
		t.Errorf("%s was called all the same", name)
	}
	if r.Refused() != 2 || !strings.Contains(r.log.String(), "uid=65534") {
		t.Errorf("%d refused, log %s", r.Refused(), r.log)
	}
}

// The owner is served, and root besides.
func TestOwnerAndRootAreServed(t *testing.T) {
	const owner = 65533
	r := serve(t, new(fake), func(c *Config) { c.UID = owner })
	open(t, r.socket)
	for _, uid := range []int{owner, 0} {
		if a := r.dialledBy(t, uid).do(t, "GET", "/v1/status", ""); a.status != 200 {
			t.Errorf("uid %d: %d %s", uid, a.status, a.body)
		}
	}
	if r.Refused() != 0 {
		t.Errorf("%d refused", r.Refused())
	}
}

// A peer that the kernel does not tell is nobody.
func TestUnknownPeerIsRefused(t *testing.T) {
	one, two, err := pair()
	must(t, err)
	defer two.Close()
	one.Close()
	if got := credentials(one); got.Uid != nobody.Uid {
		t.Errorf("peer %+v", got)
	}
	if got := peerOf(withPeer(context.Background(), two)); got.Uid != nobody.Uid {
		t.Errorf("a connection of another listener: %+v", got)
	}
}

// pair returns two ends of a connection.
func pair() (one, two *net.UnixConn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, nil, err
		}
		ends[i] = c.(*net.UnixConn)
	}
	return ends[0], ends[1], nil
}

// Those beyond the limit wait until a place is free. Programs hold no place.
func TestConnectionsAreLimited(t *testing.T) {
	arrived, free := make(chan struct{}, 8), make(chan struct{})
	p := newRun()
	r := serve(t, &fake{
		start: func(context.Context, string, []*os.File) (Run, error) { return p, nil },
		waits: func(context.Context, string) (int, error) {
			arrived <- struct{}{}
			<-free
			return 0, nil
		},
	}, func(c *Config) { c.MaxConns = 2 })
	for range 3 {
		run, err := r.client.Start(within(t), "web", &newPipes(t).files)
		must(t, err)
		defer run.Close()
	}
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := r.client.Wait(within(t), "web")
			done <- err
		}()
	}
	<-arrived
	<-arrived
	if len(arrived) != 0 {
		t.Error("more than two were served")
	}
	close(free)
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
