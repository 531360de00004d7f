package tcp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/uplink"
	ut "vswitch/internal/uplink/uplinktest"
)

// The answer offers what the network carries, and scales windows if the container does.
func TestSynAck(t *testing.T) {
	for _, scale := range []int{-1, 7} {
		r := newRig(t)
		e := r.end(4000)
		e.scale = scale
		e.say(syn, nil)
		got := e.want(syn | ack)
		if mss, ok := got.MSS(); !ok || mss != ut.MTU-40 {
			t.Errorf("MSS %d", mss)
		}
		if w := got.Option(frame.TCPOptScale); (scale >= 0) != (len(w) == 1 && w[0] == windowShift) {
			t.Errorf("window scale %v for an offer of %d", w, scale)
		}
		if got.Option(frame.TCPOptSACKOK) != nil || got.Option(frame.TCPOptTimestamp) != nil {
			t.Error("SACK or time stamps are offered")
		}
		if got.Ack() != e.seq || got.Window() != firstWindow {
			t.Errorf("acknowledges %d, window %d", got.Ack(), got.Window())
		}
		// A repeated SYN gets the same answer.
		e.seq--
		e.say(syn, nil)
		if again := e.want(syn | ack); again.Seq() != got.Seq() {
			t.Error("another number for the same SYN")
		}
	}
}

// A connection's first number depends on its ends, on the secret and on the time.
func TestISN(t *testing.T) {
	s, other := New(Config{Seed: 1}), New(Config{Seed: 2})
	a, b := record{key: key{insidePort: 1}}, record{key: key{insidePort: 2}}
	if s.isn(&a, 0) == s.isn(&b, 0) || s.isn(&a, 0) == other.isn(&a, 0) {
		t.Error("numbers repeat")
	}
	if d := s.isn(&a, int64(time.Second)) - s.isn(&a, 0); d != 250000 {
		t.Errorf("%d numbers in a second", d)
	}
}

// The answer to a SYN is repeated, and given up.
func TestSynAckIsRepeated(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.say(syn, nil)
	r.Advance(time.Minute)
	answers := 0
	for _, f := range r.Entered {
		if seg := ut.TCP(f.Frame); seg.Flags() == syn|ack {
			answers++
		} else if seg.Flags()&rst == 0 {
			t.Errorf("flags %#x", seg.Flags())
		}
	}
	if answers != maxSyns || r.s.live != 0 {
		t.Errorf("%d answers, %d connections left", answers, r.s.live)
	}
}

// What must not be reached is refused before there is a socket.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		to    string
		st    ut.Station
		end   frame.Reason
		reset bool
	}{
		{ut.Loopback4.String(), ut.Alice4, frame.DropUplinkLoopback, true},
		{ut.Loopback6.String(), ut.Alice6, frame.DropUplinkLoopback, true},
		{"127.0.0.1", ut.Alice4, frame.DropUplinkLoopback, true},
		{"127.9.9.9", ut.Alice4, frame.DropUplinkLoopback, true},
		{"0.0.0.0", ut.Alice4, frame.DropUplinkLoopback, true},
		{"::1", ut.Alice6, frame.DropUplinkLoopback, true},
		{"::", ut.Alice6, frame.DropUplinkLoopback, true},
		{"::ffff:127.0.0.1", ut.Alice6, frame.DropUplinkUnreachable, false},
		{"224.0.0.1", ut.Alice4, frame.DropUplinkUnreachable, false},
	} {
		r := newRig(t)
		r.Net.HostLoopback = false
		r.s.sys.socket = func(int, int, int) (int, error) {
			t.Errorf("%s: a socket is made", c.to)
			return -1, unix.EMFILE
		}
		e := r.end(4000)
		e.st, e.to = c.st, netip.AddrPortFrom(netip.MustParseAddr(c.to), r.port)
		if got := e.say(syn, nil); got != c.end {
			t.Errorf("%s: %v, want %v", c.to, got, c.end)
		}
		if got := len(r.Entered) == 1 && ut.TCP(r.Entered[0].Frame).Flags()&rst != 0; got != c.reset {
			t.Errorf("%s: reset %v", c.to, got)
		}
	}
}

// Errors of the host, and what the container and the counters see.
func TestHostErrors(t *testing.T) {
	fails := func(err error) func(*Shard) {
		return func(s *Shard) { s.sys.connect = func(int, netip.AddrPort) error { return err } }
	}
	for _, c := range []struct {
		name  string
		set   func(*Shard)
		end   frame.Reason
		reset bool
		count func(uplink.Counts) uint64
	}{
		{"no descriptor", func(s *Shard) {
			s.sys.socket = func(int, int, int) (int, error) { return -1, unix.EMFILE }
		}, frame.DropUplinkSockets, true, func(c uplink.Counts) uint64 { return c.Exhausted }},
		{"no port", fails(unix.EADDRNOTAVAIL), frame.DropUplinkSockets, true, func(c uplink.Counts) uint64 { return c.Exhausted }},
		{"no network", fails(unix.ENETUNREACH), frame.DropUplinkUnreachable, false, func(c uplink.Counts) uint64 { return c.Failed }},
		{"a rule", fails(unix.EACCES), frame.DropUplinkUnreachable, false, func(c uplink.Counts) uint64 { return c.Failed }},
		{"nobody", fails(unix.ECONNREFUSED), frame.Consumed, true, func(c uplink.Counts) uint64 { return c.Refused }},
	} {
		r := newRig(t)
		c.set(r.s)
		if got := r.end(4000).say(syn, nil); got != c.end {
			t.Errorf("%s: %v, want %v", c.name, got, c.end)
		}
		if got := len(r.Entered) == 1 && ut.TCP(r.Entered[0].Frame).Flags() == rst|ack; got != c.reset {
			t.Errorf("%s: reset %v", c.name, got)
		}
		if n := r.s.Counts(); c.count(n) != 1 || n.Flows != 0 {
			t.Errorf("%s: %+v", c.name, n)
		}
	}
}

// An answer that comes later: an ICMP error that quotes the SYN.
func TestUnreachableLater(t *testing.T) {
	r := newRig(t)
	pending(r)
	e := r.end(4000)
	e.say(syn, nil)
	r.Outside(func() {
		r.s.enter(r.Worker)
		r.As(ut.GatewayPort)
		r.s.unconnected(0, r.Net, unix.EHOSTUNREACH)
	})
	f := r.Take1()
	m := frame.ICMPv4(ut.L4(f))
	if f.Proto != frame.ProtoICMP || m.Type() != frame.ICMPUnreachable {
		t.Fatalf("protocol %d, type %d", f.Proto, m.Type())
	}
	q := frame.IPv4(m.Payload())
	seg := m.Payload()[q.HeaderLen():]
	if q.Src() != ut.Alice4.Addr || q.Dst() != ut.Loopback4 || binary.BigEndian.Uint16(seg) != 4000 ||
		binary.BigEndian.Uint32(seg[4:]) != e.seq-1 {
		t.Errorf("it quotes %x", m.Payload())
	}
}

// pending has connects never end.
func pending(r *rig) {
	r.s.sys.connect = func(fd int, _ netip.AddrPort) error { return nil }
	r.s.sys.socket = func(int, int, int) (int, error) {
		// A pipe's full end is never writable.
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
			return -1, err
		}
		unix.Write(p[1], make([]byte, 1<<20))
		r.T.Cleanup(func() { unix.Close(p[0]) })
		return p[1], nil
	}
}

// SYNs to nowhere cannot take all connections, those of another get through, and those
// that nobody repeats end.
func TestSynFlood(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxFlows = 400 })
	pending(r)
	limited := 0
	for port := uint16(1); port <= 200; port++ {
		if r.end(port).say(syn, nil) == frame.DropUplinkLimit {
			limited++
		}
	}
	if want := 200 - 400/halfOpenShare; limited != want {
		t.Errorf("%d of 200 were refused, want %d", limited, want)
	}
	r.s.sys = system
	r.Entered = nil
	e := r.end(9000)
	e.st = ut.Bob4
	e.connect()
	r.Advance(40 * time.Second)
	again := r.end(1)
	if got := again.say(syn, nil); got != frame.Consumed { // this one still wants it
		t.Error(got)
	}
	r.Advance(40 * time.Second)
	if n := r.s.live; n != 2 {
		t.Errorf("%d connections are left, want 2", n)
	}
}

// A container's share, which all protocols have together.
func TestBudget(t *testing.T) {
	b := uplink.NewBudget(10)
	r := newRig(t, func(c *Config) { c.Budget = b })
	r.Net.MaxFlows = 3
	for port := uint16(1); port <= 3; port++ {
		r.end(port).connect()
	}
	e := r.end(4)
	if got := e.say(syn, nil); got != frame.DropUplinkLimit {
		t.Error(got)
	}
	e.want(rst | ack)
	gone := r.end(1)
	gone.seq = r.s.flows[0].rcvNxt
	gone.say(rst, nil)
	r.end(5).connect()
	if c := r.s.Counts(); c.Limited != 1 || c.Flows != 3 || c.Opened != 4 || c.Closed != 1 {
		t.Errorf("%+v", c)
	}
}

// traceroute -T: the SYN has as many hops left on the host's side as the container
// chose, and who ends it is told by its own name.
func TestTraced(t *testing.T) {
	host, router := namespace(t), namespace(t)
	must(t, router.SetSysctl("net.ipv4.ip_forward", "1"))
	must(t, netnsx.MakeVeth(netnsx.End{NS: host, Name: "up"}, netnsx.End{NS: router, Name: "down"}, 1500))
	setUp(t, host, "up", "192.0.2.1/24", "192.0.2.2")
	setUp(t, router, "down", "192.0.2.2/24", "192.0.2.99")
	done := make(chan error, 1)
	go func() {
		done <- host.Do(func() error {
			r := newRig(t)
			e := r.end(4000)
			e.to = netip.MustParseAddrPort("198.51.100.1:80")
			f := e.segment(syn, nil)
			frame.IPv4(f.Bytes()[f.L3:]).SetTTL(2)
			if got := r.Run1(f); got != frame.Consumed {
				t.Error(got)
			}
			got := r.Await()
			m := frame.ICMPv4(ut.L4(got))
			if src, _ := ut.Ends(got); got.Proto != frame.ProtoICMP || m.Type() != frame.ICMPTimeExceeded ||
				src.Addr() != netip.MustParseAddr("192.0.2.2") {
				t.Errorf("protocol %d, type %d from %v", got.Proto, m.Type(), src)
			}
			if r.s.live != 0 {
				t.Error("the connection is left")
			}
			return nil
		})
	}()
	must(t, <-done)
}

func namespace(t *testing.T) *netnsx.NS {
	t.Helper()
	ns, err := netnsx.New()
	if err != nil {
		t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func setUp(t *testing.T, ns *netnsx.NS, link, addr, gateway string) {
	t.Helper()
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	must(t, h.AddAddr(link, netip.MustParsePrefix(addr)))
	must(t, h.Up(link))
	must(t, h.AddDefault(link, netip.MustParseAddr(gateway)))
}
