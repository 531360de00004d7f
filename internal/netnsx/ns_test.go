package netnsx

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNewIsItsOwnNamespace(t *testing.T) {
	n, o := newNS(t), newNS(t)
	cur, err := Current()
	must(t)(err)
	defer cur.Close()
	if n.Equal(o) || n.Equal(cur) || !n.Equal(n) {
		t.Errorf("identities: new %v, another %v, current %v", n.ID(), o.ID(), cur.ID())
	}
	var link string
	must(t)(n.Do(func() (err error) {
		link, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}))
	if link != n.ID().String() {
		t.Errorf("inside %s, identity says %s", link, n.ID())
	}
	if self, _ := os.Readlink("/proc/self/ns/net"); self != cur.ID().String() {
		t.Errorf("the process is in %s, was in %s", self, cur.ID())
	}
}

func TestNewHasLoopbackUp(t *testing.T) {
	n := newNS(t)
	must(t)(n.Do(func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		return l.Close()
	}))
	links, err := handle(t, n).Links()
	must(t)(err)
	if len(links) != 1 || links[0].Name != "lo" || !links[0].Up {
		t.Errorf("links of a new namespace: %+v", links)
	}
}

// A socket made inside keeps its namespace when it is used from outside.
func TestDescriptorsStayBound(t *testing.T) {
	n := newNS(t)
	var l net.Listener
	must(t)(n.Do(func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	defer l.Close()
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("reached the listener from the host's namespace")
	}
	must(t)(n.Do(func() error {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		return c.Close()
	}))
}

func TestOpen(t *testing.T) {
	n, err := Open("/proc/self/ns/net")
	must(t)(err)
	cur, err := Current()
	must(t)(err)
	if !n.Equal(cur) {
		t.Errorf("opened %v, current %v", n.ID(), cur.ID())
	}
	must(t)(n.Close())
	must(t)(cur.Close())
	for path, want := range map[string]error{
		"/proc/self/ns/uts": ErrNotNetNS,
		"/dev/null":         ErrNotNetNS,
		"/proc/self/none":   os.ErrNotExist,
	} {
		if n, err := Open(path); !errors.Is(err, want) || n != nil {
			t.Errorf("Open(%s): %v, want %v", path, err, want)
		}
	}
}

func TestClosed(t *testing.T) {
	n := newNS(t)
	h := handle(t, n)
	must(t)(n.Close())
	must(t)(n.Close())
	ran := false
	if err := n.Do(func() error { ran = true; return nil }); !errors.Is(err, ErrClosed) || ran {
		t.Errorf("Do after Close: %v, ran %v", err, ran)
	}
	if _, err := n.Netlink(); !errors.Is(err, ErrClosed) {
		t.Errorf("Netlink after Close: %v", err)
	}
	if _, err := h.Link("lo"); err != nil {
		t.Errorf("a handle outlives the descriptor: %v", err)
	}
	h.Close()
	h.Close()
	for name, call := range map[string]func() error{
		"Link":  func() error { _, err := h.Link("lo"); return err },
		"Links": func() error { _, err := h.Links(); return err },
		"Up":    func() error { return h.Up("lo") },
		"Qdisc": func() error { return h.SetRootQdisc("lo", NoQueue) },
	} {
		if err := call(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestDescriptorsAreClosedAndNotInherited(t *testing.T) {
	newNS(t) // opens what the runtime keeps open, such as its poller
	before := count(t, "fd")
	for range 20 {
		n, err := New()
		must(t)(err)
		must(t)(n.Control(func(fd int) error {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			if flags&unix.FD_CLOEXEC == 0 {
				t.Error("programs inherit the descriptor")
			}
			return err
		}))
		h, err := n.Netlink()
		must(t)(err)
		h.Close()
		must(t)(n.Close())
	}
	if !settle(func() bool { return count(t, "fd") <= before }) {
		t.Errorf("%d descriptors before, %d after", before, count(t, "fd"))
	}
}

func TestErrorsNameOperationAndObject(t *testing.T) {
	h := handle(t, newNS(t))
	err := h.SetMTU("nope0", 1400)
	if !errors.Is(err, ErrNoLink) {
		t.Errorf("not ErrNoLink: %v", err)
	}
	for _, part := range []string{"set the MTU of", "nope0", "no such link"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if err := h.SetMTU("lo", -1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("impossible MTU: %v", err)
	}
}
