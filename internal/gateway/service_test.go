package gateway

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// refuser is a service that must not be asked.
type refuser struct{ t testing.TB }

func (s refuser) Take(frame.PortID, *frame.Frame) frame.Reason {
	s.t.Error("the service was asked")
	return frame.Consumed
}

// counter is a service that counts, and says reason.
type counter struct {
	n      int
	from   frame.PortID
	reason frame.Reason
}

func (s *counter) Take(from frame.PortID, _ *frame.Frame) frame.Reason {
	s.n++
	s.from = from
	if s.reason == frame.Accepted {
		return frame.Consumed
	}
	return s.reason
}

func TestServices(t *testing.T) {
	none, all := netip.IPv4Unspecified(), limitedBroadcast
	relays := ip("ff02::1:2")
	const u4, u6 = frame.EthernetLen + frame.IPv4Len, frame.EthernetLen + frame.IPv6Len
	syn := func(s *layers.TCP) { s.SYN = true }
	for _, c := range []struct {
		name   string
		b      []byte
		asked  bool
		reason frame.Reason
	}{
		{"DNS", udp(ask4, gw4, 53, []byte("q")), true, frame.Consumed},
		{"DNS by IPv6", udp(ask6, gw6, 53, []byte("q")), true, frame.Consumed},
		{"DNS by link-local addresses", udp(askLL, gwLL, 53, []byte("q")), true, frame.Consumed},
		{"DNS at another network's gateway", udp(ask4, b4, 53, []byte("q")), true, frame.Consumed},
		{"DNS by TCP", tcp(ask4, gw4, 53, syn, nil), true, frame.Consumed},
		{"TCP that goes on", tcp(ask6, gw6, 53, func(s *layers.TCP) { s.ACK = true }, []byte("x")), true, frame.Consumed},
		{"no UDP checksum", poked(udp(ask4, gw4, 53, []byte("q")), u4+6, 0, 0), true, frame.Consumed},
		{"no UDP checksum in IPv6", poked(udp(ask6, gw6, 53, []byte("q")), u6+6, 0, 0), false, frame.DropServiceMessage},
		{"a wrong UDP checksum", poked(udp(ask4, gw4, 53, []byte("q")), u4+6, 1, 1), false, frame.DropServiceMessage},
		{"a wrong TCP checksum", poked(tcp(ask4, gw4, 53, syn, nil), u4+16, 1, 1), false, frame.DropServiceMessage},
		{"DHCP to all from nobody", udpTo(frame.Broadcast, none, all, 67, []byte("d")), true, frame.Consumed},
		{"DHCP to all from an address", udpTo(frame.Broadcast, ask4, all, 67, []byte("d")), true, frame.Consumed},
		{"DHCP to the subnet", udpTo(frame.Broadcast, ask4, ip("10.0.0.255"), 67, []byte("d")), true, frame.Consumed},
		{"DHCP to the gateway", udp(ask4, gw4, 67, []byte("d")), true, frame.Consumed},
		{"DHCP to the gateway from nobody", udp(none, gw4, 67, []byte("d")), false, frame.DropGatewaySource},
		{"DHCP from elsewhere", udpTo(frame.Broadcast, outside4, all, 67, []byte("d")), false, frame.DropGatewaySource},
		{"DHCP, wrong header checksum", poked(udpTo(frame.Broadcast, none, all, 67, nil), frame.EthernetLen+10, 1, 1), false, frame.DropGatewayHeader},
		{"DHCP, wrong checksum", poked(udpTo(frame.Broadcast, none, all, 67, nil), u4+6, 1, 1), false, frame.DropServiceMessage},
		{"DNS to all", udpTo(frame.Broadcast, ask4, all, 53, []byte("q")), false, frame.Consumed},
		{"DHCPv6", udpTo(groupMAC(relays), askLL, relays, 547, []byte("d")), true, frame.Consumed},
		{"DHCPv6 to the site's servers", udpTo(groupMAC(relays), ask6, ip("ff05::1:3"), 547, []byte("d")), true, frame.Consumed},
		{"DHCPv6 to all nodes", udpTo(groupMAC(allNodes), askLL, allNodes, 547, []byte("d")), false, frame.Consumed},
		{"DHCPv6 from nobody", udpTo(groupMAC(relays), netip.IPv6Unspecified(), relays, 547, nil), false, frame.DropGatewaySource},
		{"a router solicitation", ndp(255, askLL, ip("ff02::2"), 133, &layers.ICMPv6RouterSolicitation{Options: sourceOption(askMAC)}), true, frame.Consumed},
		{"multicast DNS", udpTo(groupMAC(ip("ff02::fb")), askLL, ip("ff02::fb"), 5353, []byte("q")), false, frame.Consumed},
		{"IPv4 multicast", udpTo(0x01005e0000fb, ask4, ip("224.0.0.251"), 5353, []byte("q")), false, frame.Consumed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &counter{}
			r := newRig(t, withService(s))
			r.want(c.b, c.reason, 0)
			if (s.n == 1) != c.asked || c.asked && s.from != portAsk {
				t.Errorf("asked %d times, from port %d", s.n, s.from)
			}
		})
	}
}

func withService(s Service) func(*Config) {
	return func(c *Config) {
		c.UDP = map[uint16]Service{53: s, 67: s, 547: s}
		c.TCP = map[uint16]Service{53: s}
		c.RouterSolicit = s
	}
}

// TestServiceReason: what the service says is what is booked.
func TestServiceReason(t *testing.T) {
	r := newRig(t, withService(&counter{reason: frame.DropServiceBusy}))
	r.want(udp(ask4, gw4, 53, nil), frame.DropServiceBusy, 0)
	r.want(tcp(ask4, gw4, 53, func(s *layers.TCP) { s.RST = true }, nil), frame.DropServiceBusy, 0)
}

// TestPartialToService: a checksum that the sender left to the device is right.
func TestPartialToService(t *testing.T) {
	s := &counter{}
	r := newRig(t, withService(s))
	for _, b := range [][]byte{udp(ask4, gw4, 53, []byte("q")), udp(ask6, gw6, 53, []byte("q")),
		tcp(ask4, gw4, 53, func(s *layers.TCP) { s.SYN = true }, nil)} {
		f := slot(b)
		f.Parse()
		if !offload.Partial(f) {
			t.Fatal("the frame's checksum cannot be partial")
		}
		if got := r.serveFrame(f); got != frame.Consumed {
			t.Errorf("ended as %v", got)
		}
	}
	if s.n != 3 {
		t.Errorf("asked %d times", s.n)
	}
}

// TestSuperDatagrams: a run of datagrams in one frame is not one request.
func TestSuperDatagrams(t *testing.T) {
	f := slot(udp(ask4, gw4, 53, make([]byte, 4000)))
	f.Parse()
	offload.Partial(f)
	h := offload.Vnet(f.Vnet())
	h.SetGSOType(offload.GSOUDP)
	h.SetGSOSize(1000)
	r := newRig(t, withService(refuser{t}))
	if got := r.serveFrame(f); got != frame.DropServiceMessage {
		t.Errorf("ended as %v", got)
	}
}

// TestServiceLimit: each port has a share of its own, and time fills it up.
func TestServiceLimit(t *testing.T) {
	s := &counter{}
	r := newRig(t, func(c *Config) {
		withService(s)(c)
		c.Limits.Service = Limit{Rate: 10, Burst: 3}
	})
	query := udp(ask4, gw4, 53, nil)
	for i, want := range []frame.Reason{frame.Consumed, frame.Consumed, frame.Consumed, frame.DropServiceLimit} {
		if got := r.serve(query); got != want {
			t.Fatalf("query %d ended as %v", i, got)
		}
	}
	r.want(tcp(ask4, gw4, 53, func(s *layers.TCP) { s.SYN = true }, nil), frame.DropServiceLimit, 0)
	r.want(tcp(ask4, gw4, 53, func(s *layers.TCP) { s.ACK = true }, nil), frame.Consumed, 0)
	r.box.from++
	r.want(query, frame.Consumed, 0)
	r.box.from--
	r.box.now += second / 10
	r.want(query, frame.Consumed, 0)
	r.want(query, frame.DropServiceLimit, 0)
}

// TestBucket: over any time a bucket gives its burst and what its rate refilled.
func TestBucket(t *testing.T) {
	var b bucket
	l := Limit{Rate: 7, Burst: 5}
	now, got := int64(1e12), 0
	for range 10_000 {
		if b.take(l, now) {
			got++
		}
		now += second / 1000
	}
	if want := 5 + 7*10; got < want-1 || got > want {
		t.Errorf("%d tokens in ten seconds, want %d", got, want)
	}
}

func TestClosedPorts(t *testing.T) {
	t.Run("UDP", func(t *testing.T) {
		r := newRig(t, nil)
		p := r.answer(udp(ask4, gw4, 9, []byte("x")), frame.DropNoService)
		wantICMP4(t, p, 3, 3, gw4)
		p = r.answer(udp(ask6, gw6, 9, []byte("x")), frame.DropNoService)
		wantICMP6(t, p, 1, 4, gw6)
		p = r.answer(udp(askLL, gwLL, 9, []byte("x")), frame.DropNoService)
		wantICMP6(t, p, 1, 4, gwLL)
	})
	t.Run("protocol", func(t *testing.T) {
		r := newRig(t, nil)
		gre := packetTo(gwMAC, ask4, gw4, 64, 47, gopacket.Payload(make([]byte, 20)))
		wantICMP4(t, r.answer(gre, frame.DropNoService), 3, 2, gw4)
		gre = packetTo(gwMAC, ask6, gw6, 64, 47, gopacket.Payload(make([]byte, 20)))
		p := r.answer(gre, frame.DropNoService)
		wantICMP6(t, p, 4, 1, gw6)
		if at := pointer(p); at != 6 {
			t.Errorf("the pointer is %d", at)
		}
		r.want(packetTo(gwMAC, ask6, gw6, 64, 59), frame.DropNoService, 0)
	})
	t.Run("protocol behind options", func(t *testing.T) {
		b := packetTo(gwMAC, ask6, gw6, 64, 0, gopacket.Payload([]byte{60, 0, 1, 4, 0, 0, 0, 0, 47, 0, 1, 4, 0, 0, 0, 0, 1, 2}))
		if at := pointer(newRig(t, nil).answer(b, frame.DropNoService)); at != 48 {
			t.Errorf("the pointer is %d", at)
		}
	})
}

// pointer returns the field behind an ICMPv6 error's checksum.
func pointer(p gopacket.Packet) uint32 {
	return binary.BigEndian.Uint32(p.NetworkLayer().LayerPayload()[4:])
}

// TestReset: RFC 9293, section 3.5.2.
func TestReset(t *testing.T) {
	for _, c := range []struct {
		name     string
		edit     func(*layers.TCP)
		payload  string
		seq, ack uint32
		hasAck   bool
	}{
		{"SYN", func(s *layers.TCP) { s.SYN = true }, "", 0, 1001, true},
		{"data and FIN", func(s *layers.TCP) { s.FIN = true }, "four", 0, 1005, true},
		{"ACK", func(s *layers.TCP) { s.ACK, s.Ack = true, 555 }, "x", 555, 0, false},
	} {
		for _, v := range []struct{ from, to netip.Addr }{{ask4, gw4}, {ask6, gw6}, {ask4, b4}} {
			t.Run(c.name+" "+v.to.String(), func(t *testing.T) {
				p := newRig(t, nil).answer(tcp(v.from, v.to, 80, c.edit, []byte(c.payload)), frame.DropNoService)
				s := p.TransportLayer().(*layers.TCP)
				if !s.RST || s.ACK != c.hasAck || s.Seq != c.seq || s.Ack != c.ack || s.SrcPort != 80 || s.DstPort != 4242 {
					t.Errorf("%+v", s)
				}
				from, to := ends(p)
				if from != v.to || to != v.from {
					t.Errorf("from %v to %v", from, to)
				}
			})
		}
	}
	newRig(t, nil).want(tcp(ask4, gw4, 80, func(s *layers.TCP) { s.RST = true }, nil), frame.DropNoService, 0)
}

// ends returns the addresses of an IP packet.
func ends(p gopacket.Packet) (from, to netip.Addr) {
	f := p.NetworkLayer().NetworkFlow()
	return addrOf(f.Src().Raw()), addrOf(f.Dst().Raw())
}
