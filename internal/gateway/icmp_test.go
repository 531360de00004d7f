package gateway

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

func wantICMP4(t *testing.T, p gopacket.Packet, typ, code uint8, from netip.Addr) {
	t.Helper()
	m, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok || m.TypeCode != layers.CreateICMPv4TypeCode(typ, code) {
		t.Fatalf("not an ICMP message %d/%d: %v", typ, code, p)
	}
	if src, _ := ends(p); src != from {
		t.Errorf("from %v, want %v", src, from)
	}
}

func wantICMP6(t *testing.T, p gopacket.Packet, typ, code uint8, from netip.Addr) {
	t.Helper()
	m, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if !ok || m.TypeCode != layers.CreateICMPv6TypeCode(typ, code) {
		t.Fatalf("not an ICMPv6 message %d/%d: %v", typ, code, p)
	}
	if src, _ := ends(p); src != from {
		t.Errorf("from %v, want %v", src, from)
	}
}

func TestEcho(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 4000)
	for _, c := range []struct {
		name    string
		from    netip.Addr
		to      netip.Addr
		payload int
	}{
		{"IPv4", ask4, gw4, 56}, {"IPv6", ask6, gw6, 56}, {"odd", ask4, gw4, 57}, {"nothing", ask6, gw6, 0},
		{"another network's gateway", ask4, b4, 56}, {"another network's gateway by IPv6", ask6, r6, 56},
		{"link-local", askLL, gwLL, 56}, {"jumbo", ask4, gw4, 8972}, {"all that fits", ask4, gw4, 63900}, {"all of IPv6", ask6, gw6, 63901},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := ping(c.from, c.to, payload[:c.payload])
			r := newRig(t, nil)
			p := r.answer(b, frame.Consumed)
			wantEcho(t, p, c.to, c.from, b)
			if got := r.box.ledger.CopiedBytes.Load(); got != uint64(c.payload)+frame.ICMPLen {
				t.Errorf("%d bytes copied", got)
			}
		})
	}
}

// wantEcho checks that p answers request, byte by byte behind the checksum.
func wantEcho(t *testing.T, p gopacket.Packet, from, to netip.Addr, request []byte) {
	t.Helper()
	src, dst := ends(p)
	if src != from || dst != to {
		t.Errorf("from %v to %v", src, dst)
	}
	head := frame.EthernetLen + frame.IPv4Len
	typ := byte(0)
	if from.Is6() {
		head, typ = frame.EthernetLen+frame.IPv6Len, 129
	}
	if got := p.Data(); got[head] != typ || !bytes.Equal(got[head+4:], unpadded(request)[head+4:]) {
		t.Errorf("not the request's payload in an echo reply")
	}
}

// TestEchoPartial: the device would have finished the checksum; the answer's is
// right all the same.
func TestEchoPartial(t *testing.T) {
	for _, b := range [][]byte{ping(ask4, gw4, []byte("hello")), ping(ask6, gw6, []byte("hello"))} {
		r := newRig(t, nil)
		f := slot(b)
		f.Parse()
		h := f.Vnet()
		h[0] = 1
		h[6], h[8] = byte(f.L4), 2 // little endian, as every machine that tests run on
		copy(f.Bytes()[f.L4+2:], []byte{0x12, 0x34})
		if got := r.serveFrame(f); got != frame.Consumed || len(r.box.replies) != 1 {
			t.Fatalf("ended as %v with %d answers", got, len(r.box.replies))
		}
		p := judge(t, r.box.replies[0])
		from, to := ends(p)
		wantEcho(t, p, from, to, b)
	}
}

// TestTOS: an echo reply keeps what the request asks of the network.
func TestTOS(t *testing.T) {
	b := ping(ask4, gw4, nil)
	frame.IPv4(b[frame.EthernetLen:]).SetTOS(0xb8)
	if got := newRig(t, nil).answer(b, frame.Consumed).NetworkLayer().(*layers.IPv4); got.TOS != 0xb8 || got.TTL != 64 {
		t.Errorf("TOS %#x, TTL %d", got.TOS, got.TTL)
	}
}

func TestICMPWithoutAnswer(t *testing.T) {
	const m4, m6 = frame.EthernetLen + frame.IPv4Len, frame.EthernetLen + frame.IPv6Len
	to4 := func(typ, code uint8) []byte {
		return packetTo(gwMAC, ask4, gw4, 64, layers.IPProtocolICMPv4,
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code)}, gopacket.Payload(make([]byte, 28)))
	}
	all := ping(ask4, limitedBroadcast, nil)
	copy(all, []byte{255, 255, 255, 255, 255, 255})
	for _, c := range []struct {
		name   string
		b      []byte
		reason frame.Reason
	}{
		{"wrong checksum", poked(ping(ask4, gw4, nil), m4+2, 1, 1), frame.DropServiceMessage},
		{"wrong ICMPv6 checksum", poked(ping(ask6, gw6, nil), m6+2, 1, 1), frame.DropServiceMessage},
		{"echo reply", to4(0, 0), frame.Consumed},
		{"port unreachable", to4(3, 3), frame.Consumed},
		{"timestamp", to4(13, 0), frame.DropNoService},
		{"to all", all, frame.Consumed},
		{"to the subnet", ping(ask4, ip("10.0.0.255"), nil), frame.Consumed},
		{"to the subnet, the old way", ping(ask4, ip("10.0.0.0"), nil), frame.Consumed},
		{"to all nodes", packetTo(groupMAC(allNodes), ask6, allNodes, 64, layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}, &layers.ICMPv6Echo{}), frame.Consumed},
		{"ICMPv6 echo reply", packetTo(gwMAC, ask6, gw6, 64, layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(129, 0)}, &layers.ICMPv6Echo{}), frame.Consumed},
		{"unknown ICMPv6", packetTo(gwMAC, ask6, gw6, 64, layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(200, 0)}, &layers.ICMPv6Echo{}), frame.DropNoService},
	} {
		t.Run(c.name, func(t *testing.T) { newRig(t, nil).want(c.b, c.reason, 0) })
	}
}

// TestErrors: their numbers, their source, their fields and what they quote.
func TestErrors(t *testing.T) {
	big := bytes.Repeat([]byte{0xa5}, 1400)
	for _, c := range []struct {
		name       string
		b          []byte
		edit       func(*Config)
		reason     frame.Reason
		typ, code  uint8
		field      uint32
		otherField bool
	}{
		{name: "no route", b: udp(ask4, outside4, 9, big), reason: frame.DropNoRoute, typ: 3, code: 0},
		{name: "no route by IPv6", b: udp(ask6, outside6, 9, big), reason: frame.DropNoRoute, typ: 1, code: 0},
		{name: "internal", b: udp(ask4, outside4, 9, big), edit: internal, reason: frame.DropGatewayInternal, typ: 3, code: 13},
		{name: "internal by IPv6", b: udp(ask6, outside6, 9, big), edit: internal, reason: frame.DropGatewayInternal, typ: 1, code: 1},
		{name: "neighbour", b: ping(ask4, ip("10.0.0.99"), nil), reason: frame.DropNeighbour, typ: 3, code: 1},
		{name: "neighbour by IPv6", b: ping(ask6, ip("fd00:a::99"), nil), reason: frame.DropNeighbour, typ: 1, code: 3},
		{name: "far neighbour", b: ping(ask4, ip("10.0.2.99"), nil), reason: frame.DropNeighbour, typ: 3, code: 1},
		{name: "hops", b: pingHops(ask4, far4, 1, nil), reason: frame.DropTTL, typ: 11, code: 0},
		{name: "no hops", b: pingHops(ask4, far4, 0, nil), reason: frame.DropTTL, typ: 11, code: 0},
		{name: "hops by IPv6", b: pingHops(ask6, far6, 1, nil), reason: frame.DropTTL, typ: 3, code: 0},
		{name: "hops before the way out", b: pingHops(ask4, outside4, 1, nil), edit: up(refused), reason: frame.DropTTL, typ: 11, code: 0},
		{name: "too big", b: ping(ask4, far4, big), reason: frame.DropTooBig, typ: 3, code: 4, field: 1400},
		{name: "too big by IPv6", b: ping(ask6, far6, big), reason: frame.DropTooBig, typ: 2, code: 0, field: 1400},
		{name: "link-local to another network", b: ping(askLL, far6, nil), reason: frame.DropGatewaySource, typ: 1, code: 2},
		{name: "link-local out", b: ping(askLL, outside6, nil), edit: up(refused), reason: frame.DropGatewaySource, typ: 1, code: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newRig(t, c.edit).answer(c.b, c.reason)
			asker, _ := ends(judge(t, c.b))
			from, most, head := gw4, 576, frame.IPv4Len
			if asker.Is6() {
				from, most, head = gw6, 1280, frame.IPv6Len
				if asker == askLL {
					from = gwLL
				}
				wantICMP6(t, p, c.typ, c.code, from)
			} else {
				wantICMP4(t, p, c.typ, c.code, from)
			}
			if got := pointer(p); got != c.field {
				t.Errorf("the field is %d, want %d", got, c.field)
			}
			if _, to := ends(p); to != asker {
				t.Errorf("told %v", to)
			}
			quote, packet := p.Data()[frame.EthernetLen+head+frame.ICMPLen:], unpadded(c.b)[frame.EthernetLen:]
			if want := packet[:min(len(packet), most-head-frame.ICMPLen)]; !bytes.Equal(quote, want) {
				t.Errorf("quotes %d bytes, want %d", len(quote), len(want))
			}
		})
	}
}

func internal(c *Config) { c.Internal = true }

// TestNoErrors: what must not be complained about (RFC 1122, section 3.2.2).
func TestNoErrors(t *testing.T) {
	later := udp(ask4, outside4, 9, make([]byte, 64))
	later[frame.EthernetLen+7] = 1 // fragment offset 8
	frame.IPv4(later[frame.EthernetLen:]).FillChecksum()
	first := ping(ask4, outside4, nil)[:frame.EthernetLen+frame.IPv4Len+4]
	first[frame.EthernetLen+3], first[frame.EthernetLen+6] = frame.IPv4Len+4, 0x20 // first fragment, cut
	frame.IPv4(first[frame.EthernetLen:]).FillChecksum()
	unreachable := packetTo(gwMAC, ask4, outside4, 64, layers.IPProtocolICMPv4,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(make([]byte, 28)))
	unreachable6 := packetTo(gwMAC, ask6, outside6, 64, layers.IPProtocolICMPv6,
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, 3)}, gopacket.Payload(make([]byte, 44)))
	for name, b := range map[string][]byte{
		"a later fragment": later, "a first one that shows nothing": first, "an error": unreachable, "an ICMPv6 error": unreachable6,
	} {
		t.Run(name, func(t *testing.T) { newRig(t, nil).want(b, frame.DropNoRoute, 0) })
	}
	r := newRig(t, nil)
	r.box.full = true
	r.want(udp(ask4, outside4, 9, nil), frame.DropNoRoute, 0)
	r.want(ping(ask4, gw4, nil), frame.DropServiceBusy, 0)
	r.want(arpRequest(1, askMAC, ask4, gw4), frame.DropServiceBusy, 0)
	r.want(asks(gw6), frame.DropServiceBusy, 0)
	r.want(tcp(ask4, gw4, 1, func(*layers.TCP) {}, nil), frame.DropNoService, 0)
}

// TestErrorLimit: per port, and over all ports.
func TestErrorLimit(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Limits = Limits{Error: Limit{Rate: 1, Burst: 2}, Errors: Limit{Rate: 1, Burst: 3}}
	})
	b := udp(ask4, outside4, 9, nil)
	var got []int
	for i := range 6 {
		r.serve(b)
		got = append(got, len(r.box.replies))
		if i == 2 {
			r.box.from++
		}
	}
	if want := []int{1, 1, 0, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
	r.box.now += second
	r.want(b, frame.DropNoRoute, 1)
}
