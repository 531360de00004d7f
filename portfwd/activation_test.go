package portfwd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inherited returns an open socket as a file, as another process would pass it.
func inherited(t testing.TB, proto string, host netip.AddrPort) *os.File {
	t.Helper()
	fd, err := OpenSocket(proto, host, false)
	must(t, err)
	f := os.NewFile(uintptr(fd), fmt.Sprintf("%s %v", proto, host))
	t.Cleanup(func() { f.Close() })
	return f
}

// answers reports whether somebody listens there.
func answers(at netip.AddrPort) bool {
	c, err := net.Dial("tcp", at.String())
	if err == nil {
		c.Close()
	}
	return err == nil
}

// TestPool publishes twice with the same inherited sockets.
func TestPool(t *testing.T) {
	before := descriptors(t)
	tcp, udp := free(t, TCP, "127.0.0.1"), free(t, UDP, "127.0.0.1")
	pool, err := NewPool([]*os.File{inherited(t, TCP, tcp), inherited(t, UDP, udp)})
	must(t, err)
	a := NewAllocator(AllocatorConfig{Inherited: pool, Open: func(_ string, host netip.AddrPort, _ bool) (int, error) {
		return -1, &BindError{Host: host, Err: ErrPrivileged}
	}})
	var fds []int
	for range 2 {
		for _, s := range []string{
			fmt.Sprintf("127.0.0.1:%d:80", tcp.Port()),
			fmt.Sprintf("127.0.0.1:%d-%d:53/udp", udp.Port(), udp.Port()),
		} {
			got, err := try(a, Request{Spec: spec(t, s), Target: both})
			must(t, err)
			if _, err := try(a, Request{Spec: spec(t, s), Target: both}); !errors.Is(err, ErrInUse) {
				t.Errorf("%s a second time: %v", s, err)
			}
			fds = append(fds, got[0].FD)
			closed(t, got)
		}
	}
	if fds[0] != fds[2] || fds[1] != fds[3] || fds[0] == fds[1] {
		t.Errorf("descriptors used: %v", fds)
	}
	if !answers(tcp) {
		t.Error("unpublishing closed a socket that cannot be made again")
	}
	if _, err := try(a, Request{Spec: spec(t, fmt.Sprintf("%d:80", tcp.Port())), Target: both}); !errors.Is(err, ErrPrivileged) {
		t.Errorf("a socket for one address was used for all: %v", err)
	}
	must(t, pool.Close())
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestPoolIsNotChosen: who asks for any port does not get one that was set aside.
func TestPoolIsNotChosen(t *testing.T) {
	at := free(t, TCP, "127.0.0.1")
	pool, err := NewPool([]*os.File{inherited(t, TCP, at)})
	must(t, err)
	a := NewAllocator(AllocatorConfig{
		Inherited: pool, Dynamic: func() Dynamic { return Dynamic{Range: Range{at.Port(), at.Port()}} },
	})
	if got, err := try(a, Request{Spec: spec(t, "127.0.0.1::80"), Target: both}); !errors.Is(err, ErrExhausted) {
		t.Errorf("%v, %v", hosts(got), err)
	}
	must(t, pool.Close())
}

func TestPoolRefuses(t *testing.T) {
	needIPv6(t)
	pipe, w, err := os.Pipe()
	must(t, err)
	defer w.Close()
	unbound := socket(t, unix.AF_INET, unix.SOCK_DGRAM)
	local := socket(t, unix.AF_UNIX, unix.SOCK_STREAM)
	dual := socket(t, unix.AF_INET6, unix.SOCK_STREAM)
	must(t, unix.SetsockoptInt(int(dual.Fd()), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0))
	must(t, unix.Bind(int(dual.Fd()), &unix.SockaddrInet6{}))
	must(t, unix.Listen(int(dual.Fd()), 1))
	good := inherited(t, TCP, free(t, TCP, "127.0.0.1"))
	twice, err := unix.Dup(int(good.Fd()))
	must(t, err)
	for want, files := range map[string][]*os.File{
		"not a socket":           {pipe},
		"not bound to a port":    {unbound},
		"neither TCP nor UDP":    {local},
		"BindIPv6Only=ipv6-only": {dual},
		"was passed twice":       {good, os.NewFile(uintptr(twice), "the same")},
	} {
		before := descriptors(t)
		pool, err := NewPool(files)
		bad, ok := errors.AsType[*SocketError](err)
		if !ok || !errors.Is(err, ErrInherited) || !strings.Contains(bad.Err.Error(), want) || bad.Name == "" {
			t.Errorf("%q: %v", want, err)
		}
		must(t, pool.Close())
		if after := descriptors(t); after != before-len(files) {
			t.Errorf("%q: %d descriptors before, %d after", want, before, after)
		}
	}
}

// TestPoolTakesTheOthers: one socket that cannot be used does not keep the others from it.
func TestPoolTakesTheOthers(t *testing.T) {
	at := free(t, TCP, "127.0.0.1")
	null, err := os.Open(os.DevNull)
	must(t, err)
	pool, err := NewPool([]*os.File{null, inherited(t, TCP, at), socket(t, unix.AF_INET, unix.SOCK_DGRAM)})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("%v", err)
	}
	if len(pool.free) != 1 || !answers(at) {
		t.Errorf("the pool has %v", pool.free)
	}
	must(t, pool.Close())
}

func socket(t testing.TB, family, kind int) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	f := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { f.Close() })
	return f
}

// TestActivated starts itself the way a service manager does: the sockets are
// descriptors 3 and 4, and LISTEN_PID is the process that gets them.
func TestActivated(t *testing.T) {
	if role("activated") {
		activated()
		return
	}
	tcp, udp := free(t, TCP, "127.0.0.1"), free(t, UDP, "127.0.0.1")
	files := []*os.File{inherited(t, TCP, tcp), inherited(t, UDP, udp)}
	for pid, want := range map[string]string{
		"$$":    fmt.Sprintf("2 sockets, LISTEN_FDS=\"\", tcp %v %v udp %v %v", true, tcp, true, udp),
		"$PPID": "0 sockets, LISTEN_FDS=\"\"",
		"":      "0 sockets, LISTEN_FDS=\"\"",
	} {
		cmd := exec.Command("sh", "-c", "LISTEN_PID="+pid+` exec "$0" -test.run '^TestActivated$'`, "/proc/self/exe")
		self, err := os.Executable()
		must(t, err)
		cmd.Args[3] = self
		cmd.Env = append(os.Environ(), roleEnv+"=activated", "LISTEN_FDS=2", "AT="+tcp.String()+" "+udp.String())
		cmd.ExtraFiles = files
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("LISTEN_PID=%s: %v\n%s\nwant %s", pid, err, out, want)
		}
	}
}

func activated() {
	pool, err := Inherited()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d sockets, LISTEN_FDS=%q,", len(pool.free), os.Getenv("LISTEN_FDS"))
	at := strings.Fields(os.Getenv("AT"))
	for i, proto := range []string{TCP, UDP} {
		host := netip.MustParseAddrPort(at[i])
		_, ok := pool.take(proto, host)
		fmt.Print(" ", proto, " ", ok, " ", host)
	}
	fmt.Println()
}
