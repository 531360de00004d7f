package echo

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/uplinktest"
)

func TestEcho(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr) {
		for seq, n := range []int{0, 1, 56, 1400} {
			wantEnds(t, r.Run(hops(from.Echo(to, 77, uint16(seq), pattern(n)), 9)), frame.Consumed)
			f := r.Await()
			checkReply(t, f, from, to, 77, uint16(seq), pattern(n))
			if hopsOf(f) != 63 {
				t.Errorf("%d hops are left of 64", hopsOf(f))
			}
		}
		if c := r.s.Counts(); c.Opened != 1 || c.Flows != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// A run's requests are all answered, in their order.
func TestRun(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr) {
		const n = 3 * turn
		for at := 0; at < n; at += 32 {
			var run []*frame.Frame
			for seq := range 32 {
				run = append(run, from.Echo(to, 1, uint16(at+seq), []byte("x")))
			}
			r.Run(run...)
		}
		r.Until("all answers", func() bool { return len(r.Entered) == n })
		for seq := range n {
			checkReply(t, r.Take1(), from, to, 1, uint16(seq), []byte("x"))
		}
	})
}

// Two containers have the same identifier, and one has two.
func TestIdentifiers(t *testing.T) {
	for _, way := range []Way{Ping, Raw} {
		r := newRig(t, way)
		var wires []uint16
		for i, c := range []struct {
			from uplinktest.Station
			to   netip.Addr
			id   uint16
		}{{alice4, loop4, 5}, {bob4, loop4, 5}, {alice4, loop4, 6}, {alice6, loop6, 5}} {
			r.Run(c.from.Echo(c.to, c.id, 9, pattern(10*i)))
			checkReply(t, r.Await(), c.from, c.to, c.id, 9, pattern(10*i))
		}
		r.s.Flows(func(f uplink.Flow) {
			if f.Inside.Addr().Is4() {
				wires = append(wires, f.Host.Port())
			}
		})
		slices.Sort(wires)
		if len(slices.Compact(wires)) != 3 || r.s.Counts().Flows != 4 {
			t.Errorf("%v: identifiers on the wire: %v", way, wires)
		}
		// Another network has a container of the same address.
		other := *r.Net
		other.ID, other.Port = 2, 8
		r.Ports[8] = true
		r.Net = &other
		r.Run(alice4.Echo(loop4, 5, 1, nil))
		r.Until("an answer", func() bool { return len(r.Entered) > 0 })
		if e := r.Entered[0]; e.Port != 8 || r.s.Counts().Flows != 5 {
			t.Errorf("%v: the answer entered by port %d", way, e.Port)
		}
	}
}

// What does not go out, and why.
func TestRefused(t *testing.T) {
	closed := uplinktest.TestNet()
	closed.HostLoopback = false
	flags := func(f *frame.Frame, edit func(m []byte)) *frame.Frame {
		edit(uplinktest.L4(f))
		return f
	}
	for _, way := range []Way{Ping, Raw} {
		r := newRig(t, way)
		for _, c := range []struct {
			name string
			net  *uplink.Net
			f    *frame.Frame
			want frame.Reason
		}{
			{"loopback", closed, alice4.Echo(loop4, 1, 1, nil), frame.DropUplinkLoopback},
			{"loopback, IPv6", closed, alice6.Echo(loop6, 1, 1, nil), frame.DropUplinkLoopback},
			{"127.0.0.1", r.Net, alice4.Echo(ip("127.0.0.1"), 1, 1, nil), frame.DropUplinkLoopback},
			{"127.9.9.9", r.Net, alice4.Echo(ip("127.9.9.9"), 1, 1, nil), frame.DropUplinkLoopback},
			{"::1", r.Net, alice6.Echo(ip("::1"), 1, 1, nil), frame.DropUplinkLoopback},
			{"0.0.0.0", r.Net, alice4.Echo(ip("0.0.0.0"), 1, 1, nil), frame.DropUplinkLoopback},
			{"::", r.Net, alice6.Echo(ip("::"), 1, 1, nil), frame.DropUplinkLoopback},
			{"mapped", r.Net, alice6.Echo(ip("::ffff:127.0.0.1"), 1, 1, nil), frame.DropUplinkLoopback},
			{"multicast", r.Net, alice4.Echo(ip("224.0.0.1"), 1, 1, nil), frame.DropUplinkUnreachable},
			{"link", r.Net, alice6.Echo(ip("fe80::1"), 1, 1, nil), frame.DropUplinkUnreachable},
			{"no route", r.Net, alice4.Echo(ip("192.0.2.1"), 1, 1, nil), frame.DropUplinkUnreachable},
			{"no route, IPv6", r.Net, alice6.Echo(ip("2001:db8::1"), 1, 1, nil), frame.DropUplinkUnreachable},
			{"reply", r.Net, alice4.ICMP(loop4, frame.ICMPFields{Type: 0}, nil), frame.DropUplinkProtocol},
			{"error", r.Net, alice4.ICMP(loop4, frame.ICMPFields{Type: 3, Code: 3}, pattern(28)), frame.DropUplinkProtocol},
			{"time stamp", r.Net, alice4.ICMP(loop4, frame.ICMPFields{Type: 13}, pattern(12)), frame.DropUplinkProtocol},
			{"error, IPv6", r.Net, alice6.ICMP(loop6, frame.ICMPFields{Type: 1, Code: 4}, pattern(48)), frame.DropUplinkProtocol},
			{"code", r.Net, alice4.ICMP(loop4, frame.ICMPFields{Type: 8, Code: 1}, nil), frame.DropUplinkProtocol},
			{"checksum", r.Net, flags(alice4.Echo(loop4, 1, 1, nil), func(m []byte) { m[7]++ }), frame.DropTransport},
			{"checksum, IPv6", r.Net, flags(alice6.Echo(loop6, 1, 1, nil), func(m []byte) { m[7]++ }), frame.DropTransport},
		} {
			r.Net = c.net
			if got := r.Run1(c.f); got != c.want {
				t.Errorf("%v, %s: %v, want %v", way, c.name, got, c.want)
			}
			r.Net = uplinktest.TestNet()
		}
		if r.Settle(20 * time.Millisecond); len(r.Entered) != 0 {
			t.Errorf("%v: %d frames entered", way, len(r.Entered))
		}
	}
}

// A checksum that was left to the device is made.
func TestPartial(t *testing.T) {
	r := newRig(t, Raw)
	f := alice4.Echo(loop4, 1, 1, pattern(33))
	frame.ICMPv4(uplinktest.L4(f)).SetChecksum(0)
	f.Vnet()[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	wantEnds(t, r.Run(f), frame.Consumed)
	checkReply(t, r.Await(), alice4, loop4, 1, 1, pattern(33))
}

func TestExpiry(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr) {
		ping := func(id uint16) {
			r.Run(from.Echo(to, id, 1, nil))
			r.Await()
		}
		ping(1)
		r.Advance(40 * time.Second)
		ping(2)
		ping(1) // lives on
		r.Advance(59 * time.Second)
		if c := r.s.Counts(); c.Flows != 2 || c.Closed != 0 {
			t.Errorf("after 59 s: %+v", c)
		}
		r.Advance(2 * time.Second)
		if c := r.s.Counts(); c.Flows != 0 || c.Closed != 2 || r.Watched() != 0 {
			t.Errorf("after 61 s: %+v, %d watched", c, r.Watched())
		}
		ping(1)
	})
}

func TestLeaving(t *testing.T) {
	for _, way := range []Way{Ping, Raw} {
		budget := uplink.NewBudget(3)
		r := newRig(t, way, func(c *Config) { c.Budget = budget })
		for _, s := range []uplinktest.Station{alice4, bob4} {
			r.Run(s.Echo(loop4, 1, 1, nil))
			r.Await()
		}
		r.Outside(func() { r.s.DropInside(r.Worker, r.Net.ID, alice4.Addr) })
		var left []netip.AddrPort
		r.s.Flows(func(f uplink.Flow) { left = append(left, f.Inside) })
		if !slices.Equal(left, []netip.AddrPort{netip.AddrPortFrom(bob4.Addr, 1)}) {
			t.Errorf("%v: left are %v", way, left)
		}
		r.Run(bob4.Echo(loop4, 1, 2, nil)) // its answer comes when the network has gone
		r.Outside(func() { r.s.DropNet(r.Worker, r.Net.ID) })
		if r.Settle(20 * time.Millisecond); len(r.Entered) != 0 || r.Watched() != 0 {
			t.Errorf("%v: %d frames entered, %d watched", way, len(r.Entered), r.Watched())
		}
		for range 3 {
			if !budget.Take(r.Net, bob4.Addr) {
				t.Errorf("%v: the budget was not given back", way)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	r := newRig(t, Ping, func(c *Config) { c.MaxFlows = 3; c.Budget = uplink.NewBudget(100) })
	r.Net.MaxFlows = 2
	wantEnds(t, r.Run(
		alice4.Echo(loop4, 1, 1, nil), alice4.Echo(loop4, 2, 1, nil), alice4.Echo(loop4, 3, 1, nil), alice4.Echo(loop4, 1, 2, nil),
		bob4.Echo(loop4, 1, 1, nil), bob4.Echo(loop4, 2, 1, nil),
	), frame.Consumed, frame.Consumed, frame.DropUplinkLimit, frame.Consumed, frame.Consumed, frame.DropUplinkLimit)
	if c := r.s.Counts(); c.Limited != 2 || c.Flows != 3 {
		t.Errorf("%+v", c)
	}
}

// The worker has no slot: answers wait in their socket.
func TestStarve(t *testing.T) {
	r := newRig(t, Ping)
	r.Starve = true
	r.Run(alice4.Echo(loop4, 1, 1, nil))
	var events [1]unix.PollFd
	events[0] = unix.PollFd{Fd: r.s.records[0].line.fd, Events: unix.POLLIN}
	if n, err := unix.Poll(events[:], 10000); n != 1 || err != nil {
		t.Fatal("no answer", err)
	}
	r.Outside(func() { r.s.Ready(r.Worker, 0, unix.EPOLLIN) })
	if len(r.Entered) != 0 || !r.Wanted() {
		t.Fatalf("%d frames entered, called again: %v", len(r.Entered), r.Wanted())
	}
	r.Starve = false
	checkReply(t, r.Await(), alice4, loop4, 1, 1, nil)
}

func TestFlows(t *testing.T) {
	for _, way := range []Way{Ping, Raw} {
		r := newRig(t, way)
		r.Run(alice4.Echo(loop4, 1, 1, pattern(12)))
		want := uplink.Flow{
			Network: "test", Proto: "icmp", State: "UNREPLIED",
			Inside: netip.AddrPortFrom(alice4.Addr, 1), Remote: netip.AddrPortFrom(loop4, 0),
			Host: netip.AddrPortFrom(ip("0.0.0.0"), r.s.records[0].wire), Peer: netip.AddrPortFrom(ip("127.0.0.1"), 0),
			TxPackets: 1, TxBytes: 20, Timeout: time.Minute,
		}
		check := func() {
			t.Helper()
			r.s.Flows(func(f uplink.Flow) {
				if f != want {
					t.Errorf("%v: %+v, want %+v", way, f, want)
				}
			})
		}
		check()
		r.Await()
		want.State, want.RxPackets, want.RxBytes = "REPLIED", 1, 20
		check()
	}
}

func TestAllocs(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr) {
		r.Clean = true
		entered := 0
		r.OnEnter = func(frame.PortID, []byte) { entered++ }
		fs := []*frame.Frame{from.Echo(to, 1, 1, pattern(500)), hops(from.Echo(to, 1, 1, nil), 5)}
		sent := 0
		var ends [2]frame.Reason
		turn := func() {
			r.Outside(func() {
				for i, f := range fs {
					ends[i] = r.s.Take(r.Worker, r.Net, f)
				}
				r.s.Done(r.Worker, r.Net)
			})
			for sent += len(fs); entered < sent; {
				r.Poll(time.Second)
			}
		}
		turn()
		if n := testing.AllocsPerRun(50, turn); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if ends != [2]frame.Reason{frame.Consumed, frame.Consumed} {
			t.Errorf("ends %v", ends)
		}
	})
}
