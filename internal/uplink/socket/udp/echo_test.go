package udp

import (
	"net/netip"
	"slices"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink/uplinktest"
)

// both runs a test with a container and a server of each family.
func both(t *testing.T, fn func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server)) {
	t.Run("IPv4", func(t *testing.T) { fn(t, alice4, loopback4) })
	t.Run("IPv6", func(t *testing.T) { fn(t, alice6, loopback6) })
}

// A datagram reaches a host's server and its answer comes back from where it was sent
// to, with right headers, by one descriptor and without a copy.
func TestEcho(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		for _, n := range []int{0, 1, 2, 999, 1400} {
			body := payload(n)
			r.send(s.UDP(4000, to.alias(), body, 0))
			got, from := to.get()
			if !slices.Equal(got, body) {
				t.Errorf("the server got %d bytes, want %d", len(got), n)
			}
			to.put(got, from)
			wantUDP(t, r.Await(), to.alias(), port(s.Addr, 4000), s.MAC, body)
		}
		if r.Watched() != 1 || r.Ledger().CopiedBytes.Load() != 0 {
			t.Errorf("%d descriptors, %d bytes copied", r.Watched(), r.Ledger().CopiedBytes.Load())
		}
		f := r.flows()[0]
		if f.State != "REPLIED" || f.Network != "test" || f.Inside != port(s.Addr, 4000) || f.Remote != to.alias() ||
			f.Peer != to.at() || f.TxPackets != 5 || f.RxBytes != 2402 || f.In {
			t.Errorf("%+v", f)
		}
		if _, from := r.flows()[0], f.Host; from.Port() == 0 {
			t.Errorf("host's end %v", from)
		}
	})
}

// A container's port is the same to all remote ends (RFC 4787, REQ-1), and no two
// containers' ports are (REQ-3).
func TestEndpointIndependentMapping(t *testing.T) {
	r := newRig(t)
	a, b := loopback4(t), loopback4(t)
	from := func(s uplinktest.Station, port uint16, to *server) netip.AddrPort {
		r.send(s.UDP(port, to.alias(), []byte("x"), 0))
		_, from := to.get()
		return from
	}
	first := from(alice4, 4000, a)
	if again := from(alice4, 4000, b); again != first {
		t.Errorf("%v to one and %v to the other", first, again)
	}
	if other := from(alice4, 4001, a); other == first {
		t.Errorf("two ports are both %v", first)
	}
	if other := from(bob4, 4000, a); other == first {
		t.Errorf("two containers are both %v", first)
	}
	if r.Watched() != 3 {
		t.Errorf("%d descriptors, want 3", r.Watched())
	}
}

// What may not leave does not, and for each there is a reason.
func TestRefused(t *testing.T) {
	r := newRig(t)
	closed := uplinktest.TestNet()
	closed.HostLoopback = false
	bad := func(f *frame.Frame) *frame.Frame {
		offload.Complete(f)
		f.UDP().SetChecksum(f.UDP().Checksum() ^ 1)
		return f
	}
	unsummed := func(f *frame.Frame) *frame.Frame {
		offload.Complete(f)
		f.UDP().SetChecksum(0)
		return f
	}
	outside := func(a string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(a), 9) }
	lo4, lo6 := port(uplinktest.Loopback4, loopback4(t).at().Port()), port(uplinktest.Loopback6, loopback6(t).at().Port())
	for _, c := range []struct {
		name string
		f    *frame.Frame
		shut bool
		want frame.Reason
	}{
		{"a closed loopback", alice4.UDP(1, lo4, nil, 0), true, frame.DropUplinkLoopback},
		{"a closed loopback by IPv6", alice6.UDP(1, lo6, nil, 0), true, frame.DropUplinkLoopback},
		{"the loopback itself", alice4.UDP(1, outside("127.0.0.1"), nil, 0), false, frame.DropUplinkLoopback},
		{"the loopback of IPv6 itself", alice6.UDP(1, outside("::1"), nil, 0), false, frame.DropUplinkLoopback},
		{"nobody", alice4.UDP(1, outside("0.0.0.0"), nil, 0), false, frame.DropUplinkLoopback},
		{"nobody by IPv6", alice6.UDP(1, outside("::"), nil, 0), false, frame.DropUplinkLoopback},
		{"a group", alice4.UDP(1, outside("224.0.0.251"), nil, 0), false, frame.DropUplinkProtocol},
		{"a group of IPv6", alice6.UDP(1, outside("ff02::fb"), nil, 0), false, frame.DropUplinkProtocol},
		{"everybody", alice4.UDP(1, outside("255.255.255.255"), nil, 0), false, frame.DropUplinkProtocol},
		{"the gateway", alice4.UDP(1, outside("10.1.0.1"), nil, 0), false, frame.DropNoService},
		{"the gateway by IPv6", alice6.UDP(1, outside("fd00:1::1"), nil, 0), false, frame.DropNoService},
		{"port 0", alice4.UDP(1, port(uplinktest.Loopback4, 0), nil, 0), false, frame.DropUplinkUnreachable},
		{"a wrong checksum", bad(alice4.UDP(1, lo4, []byte("abc"), 0)), false, frame.DropGatewayHeader},
		{"a wrong checksum by IPv6", bad(alice6.UDP(1, lo6, []byte("abc"), 0)), false, frame.DropGatewayHeader},
		{"no checksum", unsummed(alice4.UDP(1, lo4, []byte("abc"), 0)), false, frame.Consumed},
		{"no checksum in IPv6", unsummed(alice6.UDP(1, lo6, []byte("abc"), 0)), false, frame.DropGatewayHeader},
	} {
		r.Net = uplinktest.TestNet()
		if c.shut {
			r.Net = closed
		}
		if got := r.run(c.f)[0]; got != c.want {
			t.Errorf("%s ended as %v, want %v", c.name, got, c.want)
		}
		if c.want != frame.Consumed {
			r.s.DropNet(r.Worker, 1)
			if r.Watched() != 0 || r.s.mappings.len() != 0 {
				t.Errorf("%s left a socket", c.name)
			}
		}
	}
}
