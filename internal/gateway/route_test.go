package gateway

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// uplink says a reason and counts.
type uplink struct {
	reason frame.Reason
	n      int
}

func (u *uplink) Take(_ Outbox, run []*frame.Frame) {
	for _, f := range run {
		u.n++
		f.Drop = u.reason
	}
}

var refused = &uplink{reason: frame.DropNoRoute}

func up(u Uplink) func(*Config) { return func(c *Config) { c.Uplink = u } }
func noICC(c *Config)           { c.NoICC = true }
func routed(c *Config)          { c.Routed4, c.Routed6 = true, true }

// TestDecisions has a line for every way that a packet to the gateway's MAC can
// take. Accepted means that it went to another port.
func TestDecisions(t *testing.T) {
	const l3 = frame.EthernetLen
	syn := func(s *layers.TCP) { s.SYN = true }
	withOptions := func(o ...byte) []byte {
		b := serialize(ether(gwMAC, layers.EthernetTypeIPv4), &layers.IPv4{
			Version: 4, TTL: 9, Protocol: 17, SrcIP: ask4.AsSlice(), DstIP: far4.AsSlice(),
			Options: []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 1},
				{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 1}},
		}, gopacket.Payload(make([]byte, 8)))
		copy(b[l3+frame.IPv4Len:], o)
		b[l3+frame.IPv4Len+8+5] = 8 // the length of a datagram without payload
		frame.IPv4(b[l3:]).FillChecksum()
		return b
	}
	routing := func(left byte) []byte {
		options := []byte{43, 0, 1, 4, 0, 0, 0, 0}
		route := []byte{17, 2, 0, left, 23: 0}
		datagram := []byte{0x10, 0x92, 0, 9, 0, 8, 0, 0}
		return packetTo(gwMAC, ask6, far6, 9, 60, gopacket.Payload(slices.Concat(options, route, datagram)))
	}
	for _, c := range []struct {
		name    string
		b       []byte
		edit    func(*Config)
		reason  frame.Reason
		answers int
	}{
		{"wrong header checksum", poked(ping(ask4, far4, nil), l3+10, 1, 1), nil, frame.DropGatewayHeader, 0},
		{"wrong header checksum to the gateway", poked(ping(ask4, gw4, nil), l3+10, 1, 1), nil, frame.DropGatewayHeader, 0},
		{"loose source route", withOptions(131, 7, 4, 10, 0, 2, 12), routed, frame.DropGatewayHeader, 0},
		{"strict source route behind others", withOptions(7, 4, 4, 0, 137, 3, 4), routed, frame.DropGatewayHeader, 0},
		{"an option of length 0", withOptions(7, 0), routed, frame.DropGatewayHeader, 0},
		{"an option of length 1", withOptions(1, 7, 1), routed, frame.DropGatewayHeader, 0},
		{"an option beyond the header", withOptions(7, 40), routed, frame.DropGatewayHeader, 0},
		{"an option without length", withOptions(1, 1, 1, 1, 1, 1, 1, 7), routed, frame.DropGatewayHeader, 0},
		{"other options", withOptions(7, 4, 4, 0, 0, 131), routed, frame.Accepted, 0},
		{"a routing header", routing(1), routed, frame.DropGatewayHeader, 0},
		{"a routing header that is through", routing(0), routed, frame.Accepted, 0},
		{"to loopback", ping(ask4, ip("127.0.0.1"), nil), nil, frame.DropGatewayHeader, 0},
		{"to IPv6 loopback", ping(ask6, netip.IPv6Loopback(), nil), nil, frame.DropGatewayHeader, 0},
		{"to an address of class E", ping(ask4, ip("240.0.0.1"), nil), nil, frame.DropGatewayHeader, 0},
		{"to nowhere", ping(ask4, netip.IPv4Unspecified(), nil), nil, frame.DropGatewayHeader, 0},
		{"to a mapped address", udp(ask6, netip.MustParseAddr("::ffff:10.0.0.1"), 9, nil), nil, frame.DropGatewayHeader, 0},

		{"from another network", ping(far4, gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from outside", ping(outside4, gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from outside by IPv6", ping(outside6, gw6, nil), nil, frame.DropGatewaySource, 0},
		{"from loopback", ping(ip("127.0.0.1"), gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from IPv6 loopback", ping(netip.IPv6Loopback(), gw6, nil), nil, frame.DropGatewaySource, 0},
		{"from a group", ping(ip("224.0.0.1"), gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from the subnet's broadcast", ping(ip("10.0.0.255"), gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from nowhere", ping(netip.IPv4Unspecified(), gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from nowhere by IPv6", ping(netip.IPv6Unspecified(), gw6, nil), nil, frame.DropGatewaySource, 0},
		{"from the gateway's address", ping(gw4, gw4, nil), nil, frame.DropGatewaySource, 0},
		{"from the gateway's link-local address", ping(gwLL, gw6, nil), nil, frame.DropGatewaySource, 0},
		{"from IPv4 link-local", ping(ip("169.254.1.1"), gw4, nil), nil, frame.DropGatewaySource, 0},

		{"the gateway", ping(ask4, gw4, nil), nil, frame.Consumed, 1},
		{"the gateway, with one hop left", pingHops(ask4, gw4, 1, nil), nil, frame.Consumed, 1},
		{"the gateway of an internal network", ping(ask4, gw4, nil), internal, frame.Consumed, 1},
		{"the gateway without ICC", ping(ask4, gw4, nil), noICC, frame.Consumed, 1},
		{"another gateway", ping(ask6, b6, nil), nil, frame.Consumed, 1},
		{"another gateway's link-local address", ping(ask6, frame.LinkLocalAddr(bMAC), nil), nil, frame.DropNeighbour, 1},

		{"a member", ping(ask4, next4, nil), nil, frame.Accepted, 0},
		{"a member's link-local address", ping(askLL, frame.LinkLocalAddr(nextMAC), nil), nil, frame.Accepted, 0},
		{"a member without ICC", ping(ask4, next4, nil), noICC, frame.DropGatewayICC, 0},
		{"a member's link-local address without ICC", ping(askLL, frame.LinkLocalAddr(nextMAC), nil), noICC, frame.DropGatewayICC, 0},
		{"nobody without ICC", ping(ask4, ip("10.0.0.99"), nil), noICC, frame.DropGatewayICC, 0},
		{"nobody", ping(ask4, ip("10.0.0.99"), nil), nil, frame.DropNeighbour, 1},

		{"an isolated network", ping(ask4, ip("10.0.1.9"), nil), nil, frame.DropGatewayIsolated, 0},
		{"an isolated network from a routed one", udp(ask6, ip("fd00:b::9"), 9, nil), routed, frame.DropGatewayIsolated, 0},
		{"an isolated network from an internal one", ping(ask4, ip("10.0.1.9"), nil), internal, frame.DropGatewayIsolated, 0},
		{"ICMP to a routed network", ping(ask4, far4, nil), nil, frame.Accepted, 0},
		{"ICMP to a routed network by IPv6", ping(ask6, far6, nil), nil, frame.Accepted, 0},
		{"UDP to a routed network", udp(ask4, far4, 9, nil), nil, frame.DropGatewayIsolated, 0},
		{"TCP to a routed network", tcp(ask6, far6, 80, syn, nil), nil, frame.DropGatewayIsolated, 0},
		{"TCP between routed networks", tcp(ask6, far6, 80, syn, nil), routed, frame.Accepted, 0},
		{"a routed network from an internal one", ping(ask4, far4, nil), internal, frame.DropGatewayInternal, 1},
		{"a network that is internal and routed", ping(ask4, ip("10.0.3.9"), nil), nil, frame.DropGatewayIsolated, 0},
		{"IPv6 to an address, in a frame to all", poked(ping(ask6, gw6, nil), 0, 0x33, 0x33, 0, 0, 0, 1), nil, frame.Consumed, 0},
		{"a routed network's broadcast", ping(ask4, ip("10.0.2.255"), nil), nil, frame.DropNeighbour, 0},

		{"outside", ping(ask4, outside4, nil), nil, frame.DropNoRoute, 1},
		{"outside of an internal network", ping(ask4, outside4, nil), func(c *Config) { internal(c); up(refused)(c) }, frame.DropGatewayInternal, 1},
		{"outside by an uplink", ping(ask4, outside4, nil), up(&uplink{reason: frame.Consumed}), frame.Consumed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.edit)
			r.gateway(Config{Name: "i", MAC: 0x02_00_00_00_00_04, Addrs: prefixes("10.0.3.1/24"), Internal: true, Routed4: true, Routed6: true})
			r.want(c.b, c.reason, c.answers)
		})
	}
}

// TestAnswersComeBack: of what a routed network sends to an ordinary one, only what
// answers a ping passes.
func TestAnswersComeBack(t *testing.T) {
	r := newRig(t, nil)
	message := func(from, to netip.Addr, typ uint8) []byte {
		b := packetTo(rMAC, from, to, 64, layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}, gopacket.Payload(make([]byte, 44)))
		if from.Is4() {
			b = packetTo(rMAC, from, to, 64, layers.IPProtocolICMPv4,
				&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0)}, gopacket.Payload(make([]byte, 28)))
		}
		return b
	}
	later := message(far4, ask4, 8)
	later[frame.EthernetLen+7] = 1
	frame.IPv4(later[frame.EthernetLen:]).FillChecksum()
	for _, c := range []struct {
		name   string
		b      []byte
		passes bool
	}{
		{"echo reply", message(far4, ask4, 0), true},
		{"unreachable", message(far4, ask4, 3), true},
		{"echo request", message(far4, ask4, 8), false},
		{"ICMPv6 echo reply", message(far6, ask6, 129), true},
		{"ICMPv6 packet too big", message(far6, ask6, 2), true},
		{"ICMPv6 echo request", message(far6, ask6, 128), false},
		{"a later fragment", later, true},
		{"UDP", udpTo(rMAC, far4, ask4, 9, nil), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := slot(c.b)
			f.Parse()
			r.box.reset()
			r.r.Serve(r.box, []*frame.Frame{f})
			if got := r.box.end(t) == frame.Accepted; got != c.passes {
				t.Errorf("passes: %v", got)
			}
		})
	}
}

// TestForward: a forwarded packet is what gopacket makes of the same packet with
// one hop less between the other MACs, virtio header and padding unchanged.
func TestForward(t *testing.T) {
	for _, c := range []struct {
		name     string
		b        []byte
		src, dst frame.MAC
		port     frame.PortID
	}{
		{"IPv4", ping(ask4, far4, []byte("payload")), rMAC, farMAC, portR},
		{"IPv6", ping(ask6, far6, []byte("payload")), rMAC, farMAC, portR},
		{"padding", append(ping(ask4, far4, nil), 0, 0, 0, 0), rMAC, farMAC, portR},
		{"back to the network", udp(ask4, next4, 9, []byte("payload")), gwMAC, nextMAC, portA},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			f := slot(c.b)
			if got := r.serveFrame(f); got != frame.Accepted {
				t.Fatalf("ended as %v", got)
			}
			if got := r.box.reentered[0]; got.port != c.port || got.f != f || f.Src != c.src || f.Dst != c.dst {
				t.Errorf("by port %d from %v to %v", got.port, f.Src, f.Dst)
			}
			if want := passedOn(c.b, c.src, c.dst); !bytes.Equal(f.Bytes(), want) {
				t.Errorf("passed on as\n%x, want\n%x", f.Bytes(), want)
			}
			if again := *f; again.Parse() != frame.Accepted || again.Info != f.Info {
				t.Errorf("what is known of the frame is no longer true: %+v, want %+v", f.Info, again.Info)
			}
		})
	}
}

// passedOn is what a router makes of a frame, written by gopacket.
func passedOn(b []byte, src, dst frame.MAC) []byte {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	e := p.LinkLayer().(*layers.Ethernet)
	e.SrcMAC, e.DstMAC = src.HardwareAddr(), dst.HardwareAddr()
	n := p.NetworkLayer()
	switch l := n.(type) {
	case *layers.IPv4:
		l.TTL--
	case *layers.IPv6:
		l.HopLimit--
	}
	buf := serialize(e, n.(gopacket.SerializableLayer), gopacket.Payload(n.LayerPayload()))
	return append(buf, b[len(buf):]...)
}

// TestNotOwned: what others get too is not edited.
func TestNotOwned(t *testing.T) {
	r := newRig(t, nil)
	r.box.shared = true
	b := ping(ask4, far4, nil)
	f := slot(b)
	if got := r.serveFrame(f); got != frame.DropNoEgress || !bytes.Equal(f.Bytes(), b) {
		t.Errorf("ended as %v, edited: %v", got, !bytes.Equal(f.Bytes(), b))
	}
}

// TestSuperFrame: the segments count, not the whole; the checksum stays partial.
func TestSuperFrame(t *testing.T) {
	for _, c := range []struct {
		size   uint16
		reason frame.Reason
	}{{1360, frame.Accepted}, {1361, frame.DropTooBig}} {
		f := slot(tcp(ask4, far4, 80, func(s *layers.TCP) { s.ACK = true }, make([]byte, 20_000)))
		f.Parse()
		offload.Partial(f)
		h := offload.Vnet(f.Vnet())
		h.SetGSOType(offload.GSOTCP4)
		h.SetGSOSize(c.size)
		before := bytes.Clone(f.Vnet())
		r := newRig(t, routed)
		if got := r.serveFrame(f); got != c.reason {
			t.Errorf("segments of %d bytes: %v, want %v", c.size, got, c.reason)
		}
		if !bytes.Equal(before, f.Vnet()) || offload.Check(f) != frame.Accepted {
			t.Errorf("segments of %d bytes: the virtio header does not fit any more", c.size)
		}
	}
}

// TestUplink: it gets the packet as it came.
func TestUplink(t *testing.T) {
	u := &uplink{reason: frame.DropServiceBusy}
	r := newRig(t, up(u))
	b := udp(ask6, outside6, 53, []byte("x"))
	f := slot(b)
	if got := r.serveFrame(f); got != frame.DropServiceBusy || u.n != 1 || !bytes.Equal(f.Bytes(), b) {
		t.Errorf("ended as %v, taken %d times", got, u.n)
	}
	r.want(udp(ask4, ip("10.0.1.9"), 9, nil), frame.DropGatewayIsolated, 0)
	if u.n != 1 {
		t.Error("the uplink was given a packet to an isolated network")
	}
}
