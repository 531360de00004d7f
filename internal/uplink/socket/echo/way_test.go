package echo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink/uplinktest"
)

// asUser runs fn on this thread, which must end afterwards, as an ordinary user.
func asUser(fn func() error) error {
	none := ^uintptr(0)
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, testnet.UID, testnet.UID, none},
		{unix.SYS_SETRESUID, testnet.UID, testnet.UID, none},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return errno
		}
	}
	return fn()
}

// What root and an ordinary user find, with ping sockets open and closed.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		groups string
		root   bool
		want   Way
	}{{everyone, true, Ping}, {everyone, false, Ping}, {nobody, true, Raw}, {nobody, false, None}} {
		ns := newNS(t, Ping)
		must(t, ns.SetSysctl("net.ipv4.ping_group_range", c.groups))
		err := ns.Do(func() error {
			look := func() error {
				way, err := Probe()
				if way != c.want || (err != nil) != (way == None) || err != nil && !errors.Is(err, ErrNone) {
					t.Errorf("%q, root %v: %v, %v", c.groups, c.root, way, err)
				}
				return nil
			}
			if c.root {
				return look()
			}
			return asUser(look)
		})
		must(t, err)
	}
	if !strings.Contains(Remedy, everyone) {
		t.Errorf("the remedy is %q", Remedy)
	}
}

// host is a host whose rights change.
type host struct {
	err  error // of opening a socket
	asks int
	open opener
}

func (h *host) socket(family, typ, proto int) (int, error) {
	if h.asks++; h.err != nil {
		return -1, h.err
	}
	return h.open(family, typ, proto)
}

// Somebody changes the setting while the switch runs.
func TestRetry(t *testing.T) {
	h := &host{err: unix.EACCES, open: opened(newNS(t, Ping))}
	r := &rig{Worker: uplinktest.New(t)}
	r.start(h.socket)
	ask := func(want frame.Reason) {
		t.Helper()
		wantEnds(t, r.Run(alice4.Echo(loop4, 1, 1, nil)), want)
	}
	ask(frame.DropUplinkProtocol)
	asks := h.asks
	h.err = nil
	r.Clock += int64(59 * time.Second)
	if ask(frame.DropUplinkProtocol); h.asks != asks {
		t.Error("the host was asked again within a minute")
	}
	r.Clock += int64(2 * time.Second)
	ask(frame.Consumed)
	checkReply(t, r.Await(), alice4, loop4, 1, 1, nil)
	if r.s.Way(false) != Ping {
		t.Errorf("the way is %v", r.s.Way(false))
	}
	// And back.
	h.err = unix.EACCES
	wantEnds(t, r.Run(alice4.Echo(loop4, 2, 1, nil)), frame.DropUplinkProtocol)
	if r.s.Way(false) != None {
		t.Errorf("the way is %v", r.s.Way(false))
	}
}

// The host has no descriptor left, or no IPv6.
func TestNoSocket(t *testing.T) {
	h := &host{open: opened(newNS(t, Ping))}
	r := &rig{Worker: uplinktest.New(t)}
	r.start(h.socket)
	wantEnds(t, r.Run(alice4.Echo(loop4, 1, 1, nil)), frame.Consumed)
	r.Await()
	for err, want := range map[error]frame.Reason{
		unix.EMFILE: frame.DropUplinkSockets, unix.ENFILE: frame.DropUplinkSockets, unix.EAFNOSUPPORT: frame.DropUplinkUnreachable,
	} {
		h.err = err
		wantEnds(t, r.Run(alice4.Echo(loop4, 2, 1, nil), alice4.Echo(loop4, 1, 2, nil)), want, frame.Consumed)
		r.Await()
	}
	if c := r.s.Counts(); c.Exhausted != 2 || c.Failed != 1 || c.Flows != 1 {
		t.Errorf("%+v", c)
	}
}

// Where all identifiers are in use none is looked for: that would be work that one small
// request makes.
func TestIdentifiersExhausted(t *testing.T) {
	s := newShard(Config{}, func(int, int, int) (int, error) { return -1, unix.EPERM })
	s.records = make([]record, 1)
	s.raw[0].uses = identifiers
	before := s.lastWire
	if err := s.connectRaw(0); err != unix.EADDRINUSE || s.lastWire != before {
		t.Errorf("%v, after %d of them", err, uint16(s.lastWire-before)/stride)
	}
}
