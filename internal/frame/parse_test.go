package frame

import (
	"testing"
)

// ext is an IPv6 extension header of n*8 bytes that names next.
func ext(next uint8, n int) []byte {
	b := make([]byte, n*8)
	b[0], b[1] = next, uint8(n-1)
	return b
}

// fragHeader is an IPv6 fragment header; off is in bytes.
func fragHeader(next uint8, off int, more bool) []byte {
	b := ext(next, 1)
	b[1] = 0
	be.PutUint16(b[2:], uint16(off))
	if more {
		b[3] |= 1
	}
	return b
}

func poke(b []byte, at int, v ...byte) []byte {
	copy(b[at:], v)
	return b
}

func ip6chain(n int) []byte {
	var p []byte
	for range n - 1 {
		p = append(p, ext(extDstOpts, 1)...)
	}
	p = append(p, ext(ProtoUDP, 1)...)
	return ip6(extDstOpts, append(p, dgram(0)...))
}

func arpMessage() []byte {
	b := make([]byte, ARPLen)
	return ARPFields{Op: ARPRequest, SHA: macA, SPA: ip4A, TPA: ip4B}.Encode(b)
}

var (
	tagged  = VLANFields{TCI: 0x6064}
	service = VLANFields{TPID: TypeQinQ, TCI: 0x0007}
)

// parseCases has the reason and what of Info a frame gives; Dst and Src are the
// same in all.
var parseCases = []struct {
	name string
	b    []byte
	drop Reason
	want Info
}{
	// Ethernet and tags.
	{"payload unknown", ether(0x88b5, nil), Accepted, Info{EtherType: 0x88b5, L3: 14}},
	{"802.3 length", ether(38, make([]byte, 46)), Accepted, Info{EtherType: 38, L3: 14}},
	{"oversize", ether(0x88b5, make([]byte, MaxFrame)), DropOversize, Info{}},
	{"longest", ether(0x88b5, make([]byte, MaxFrame-14)), Accepted, Info{EtherType: 0x88b5, L3: 14}},
	{"tag", ether(TypeARP, arpMessage(), tagged), Accepted,
		Info{EtherType: TypeARP, TCI: 0x6064, Tags: 1, L3: 18, Flags: FlagARP, L3Len: 28}},
	{"two tags", ether(TypeIPv4, ip4(ProtoUDP, dgram(4), nil), service, tagged), Accepted,
		Info{EtherType: TypeIPv4, TCI: 7, Tags: 2, L3: 22, L4: 42, L3Len: 32, Flags: FlagIPv4, Proto: ProtoUDP}},
	{"old outer tag", ether(0x88b5, nil, VLANFields{TPID: TypeQinQOld, TCI: 9}, tagged), Accepted,
		Info{EtherType: 0x88b5, TCI: 9, Tags: 2, L3: 22}},
	{"three tags", ether(0x88b5, nil, service, tagged, tagged), DropTags,
		Info{EtherType: TypeVLAN, TCI: 7, Tags: 2, L3: 22}},
	{"tag without type", ether(TypeVLAN, []byte{0, 1, 8}), DropTags, Info{EtherType: TypeVLAN, L3: 14}},
	{"second tag without type", ether(TypeVLAN, []byte{0, 1, 0x81, 0, 0}), DropTags,
		Info{EtherType: TypeVLAN, TCI: 1, Tags: 1, L3: 18}},

	// ARP.
	{"arp padded", ether(TypeARP, append(arpMessage(), make([]byte, 18)...)), Accepted,
		Info{EtherType: TypeARP, L3: 14, Flags: FlagARP, L3Len: 28}},
	{"arp short", ether(TypeARP, arpMessage()[:27]), DropARP, Info{EtherType: TypeARP, L3: 14}},
	{"arp hardware", ether(TypeARP, poke(arpMessage(), 1, 6)), DropARP, Info{EtherType: TypeARP, L3: 14}},
	{"arp protocol", ether(TypeARP, poke(arpMessage(), 2, 0x86, 0xdd)), DropARP, Info{EtherType: TypeARP, L3: 14}},
	{"arp lengths", ether(TypeARP, poke(arpMessage(), 4, 8)), DropARP, Info{EtherType: TypeARP, L3: 14}},
	{"arp lengths 2", ether(TypeARP, poke(arpMessage(), 5, 16)), DropARP, Info{EtherType: TypeARP, L3: 14}},
}

var parse4Cases = []struct {
	name string
	p    []byte
	drop Reason
	want Info
}{
	{"tcp", ip4(ProtoTCP, seg(3), nil), Accepted, Info{L4: 34, L3Len: 43, Proto: ProtoTCP}},
	{"tcp padded", append(ip4(ProtoTCP, seg(0), nil), make([]byte, 6)...), Accepted,
		Info{L4: 34, L3Len: 40, Proto: ProtoTCP}},
	{"super-frame", ip4(ProtoTCP, seg(65495), nil), Accepted, Info{L4: 34, L3Len: 65535, Proto: ProtoTCP}},
	{"udp super-frame", ip4(ProtoUDP, dgram(60000), nil), Accepted, Info{L4: 34, L3Len: 60028, Proto: ProtoUDP}},
	{"tcp options", ip4(ProtoTCP, poke(seg(4), 12, 0x60), nil), Accepted, Info{L4: 34, L3Len: 44, Proto: ProtoTCP}},
	{"icmp", ip4(ProtoICMP, make([]byte, 8), nil), Accepted, Info{L4: 34, L3Len: 28, Proto: ProtoICMP}},
	{"other protocol", ip4(47, make([]byte, 4), nil), Accepted, Info{L3Len: 24, Proto: 47}},
	{"icmpv6 in ipv4", ip4(ProtoICMPv6, nil, nil), Accepted, Info{L3Len: 20, Proto: ProtoICMPv6}},
	{"ip options", poke(ip4(ProtoUDP, append(make([]byte, 4), dgram(0)...), nil), 0, 0x46), Accepted,
		Info{L4: 38, L3Len: 32, Proto: ProtoUDP}},
	{"first fragment", ip4(ProtoUDP, poke(dgram(8), 4, 0x20), func(f *IPv4Fields) { f.MoreFragments = true }), Accepted,
		Info{L4: 34, L3Len: 36, Proto: ProtoUDP, Flags: FlagFragment}},
	{"tiny first fragment", ip4(ProtoTCP, seg(0)[:8], func(f *IPv4Fields) { f.MoreFragments = true }), Accepted,
		Info{L3Len: 28, Proto: ProtoTCP, Flags: FlagFragment}},
	{"later fragment", ip4(ProtoTCP, seg(0), func(f *IPv4Fields) { f.FragmentOffset = 8 }), Accepted,
		Info{L3Len: 40, Proto: ProtoTCP, Flags: FlagFragment | FlagLaterFragment}},
	{"don't fragment", ip4(ProtoTCP, seg(0), func(f *IPv4Fields) { f.DontFragment = true }), Accepted,
		Info{L4: 34, L3Len: 40, Proto: ProtoTCP}},

	{"empty", nil, DropIPv4, Info{}},
	{"header short", ip4(ProtoTCP, nil, nil)[:19], DropIPv4, Info{}},
	{"version", poke(ip4(ProtoTCP, seg(0), nil), 0, 0x65), DropIPv4, Info{}},
	{"header length low", poke(ip4(ProtoTCP, seg(0), nil), 0, 0x44), DropIPv4, Info{}},
	{"header beyond packet", poke(ip4(ProtoTCP, nil, nil), 0, 0x46), DropIPv4, Info{}},
	{"total beyond frame", ip4(ProtoTCP, seg(3), nil)[:42], DropIPv4, Info{}},
	{"total zero", poke(ip4(ProtoTCP, seg(3), nil), 2, 0, 0), DropIPv4, Info{}},

	{"tcp short", ip4(ProtoTCP, seg(0)[:19], nil), DropTransport, Info{L3Len: 39, Proto: ProtoTCP}},
	{"tcp offset low", ip4(ProtoTCP, poke(seg(0), 12, 0x40), nil), DropTransport, Info{L3Len: 40, Proto: ProtoTCP}},
	{"tcp offset high", ip4(ProtoTCP, poke(seg(3), 12, 0x60), nil), DropTransport, Info{L3Len: 43, Proto: ProtoTCP}},
	{"tcp in padding", append(ip4(ProtoTCP, nil, nil), seg(0)...), DropTransport, Info{L3Len: 20, Proto: ProtoTCP}},
	{"udp short", ip4(ProtoUDP, dgram(0)[:7], nil), DropTransport, Info{L3Len: 27, Proto: ProtoUDP}},
	{"udp length low", ip4(ProtoUDP, poke(dgram(0), 5, 7), nil), DropTransport, Info{L3Len: 28, Proto: ProtoUDP}},
	{"udp length zero", ip4(ProtoUDP, poke(dgram(0), 5, 0), nil), DropTransport, Info{L3Len: 28, Proto: ProtoUDP}},
	{"udp length high", ip4(ProtoUDP, poke(dgram(0), 5, 9), nil), DropTransport, Info{L3Len: 28, Proto: ProtoUDP}},
	{"udp length below packet", ip4(ProtoUDP, poke(dgram(4), 5, 8), nil), Accepted,
		Info{L4: 34, L3Len: 32, Proto: ProtoUDP}},
	{"icmp short", ip4(ProtoICMP, make([]byte, 7), nil), DropTransport, Info{L3Len: 27, Proto: ProtoICMP}},
}

var parse6Cases = []struct {
	name string
	p    []byte
	drop Reason
	want Info
}{
	{"tcp", ip6(ProtoTCP, seg(3)), Accepted, Info{L4: 54, L3Len: 63, Proto: ProtoTCP}},
	{"udp padded", append(ip6(ProtoUDP, dgram(0)), 0, 0), Accepted, Info{L4: 54, L3Len: 48, Proto: ProtoUDP}},
	{"icmpv6", ip6(ProtoICMPv6, make([]byte, 8)), Accepted, Info{L4: 54, L3Len: 48, Proto: ProtoICMPv6}},
	{"icmp in ipv6", ip6(ProtoICMP, make([]byte, 4)), Accepted, Info{L3Len: 44, Proto: ProtoICMP}},
	{"no next header", append(ip6(ProtoNoNext, nil), make([]byte, 6)...), Accepted, Info{L3Len: 40, Proto: ProtoNoNext}},
	{"esp", ip6(50, make([]byte, 4)), Accepted, Info{L3Len: 44, Proto: 50}},
	{"hop-by-hop", ip6(extHopByHop, cat(ext(ProtoICMPv6, 1), make([]byte, 8))), Accepted,
		Info{L4: 62, L3Len: 56, Proto: ProtoICMPv6}},
	{"chain", ip6(extHopByHop, cat(ext(extDstOpts, 2), ext(extRouting, 1), ext(extAuth, 3), poke(ext(ProtoTCP, 3), 1, 4), seg(0))),
		Accepted, Info{L4: 14 + 40 + 72, L3Len: 40 + 92, Proto: ProtoTCP}},
	{"eight", ip6chain(8), Accepted, Info{L4: 14 + 40 + 64, L3Len: 40 + 72, Proto: ProtoUDP}},
	{"nine", ip6chain(9), DropIPv6, Info{L3Len: 40 + 80, Proto: extDstOpts}},
	{"atomic fragment", ip6(extFragment, cat(fragHeader(ProtoUDP, 0, false), dgram(0))), Accepted,
		Info{L4: 62, L3Len: 56, Proto: ProtoUDP}},
	{"first fragment", ip6(extFragment, cat(fragHeader(ProtoUDP, 0, true), poke(dgram(0), 4, 9))), Accepted,
		Info{L4: 62, L3Len: 56, Proto: ProtoUDP, Flags: FlagFragment}},
	{"tiny first fragment", ip6(extFragment, cat(fragHeader(ProtoTCP, 0, true), seg(0)[:8])), Accepted,
		Info{L3Len: 56, Proto: ProtoTCP, Flags: FlagFragment}},
	{"later fragment", ip6(extFragment, cat(fragHeader(ProtoTCP, 8, true), make([]byte, 8))), Accepted,
		Info{L3Len: 56, Proto: ProtoTCP, Flags: FlagFragment | FlagLaterFragment}},
	{"last fragment", ip6(extFragment, cat(fragHeader(extDstOpts, 16, false), make([]byte, 1))), Accepted,
		Info{L3Len: 49, Proto: extDstOpts, Flags: FlagFragment | FlagLaterFragment}},

	{"empty", nil, DropIPv6, Info{}},
	{"header short", ip6(ProtoTCP, nil)[:39], DropIPv6, Info{}},
	{"version", poke(ip6(ProtoTCP, seg(0)), 0, 0x45), DropIPv6, Info{}},
	{"payload beyond frame", ip6(ProtoTCP, seg(0))[:59], DropIPv6, Info{}},
	{"payload zero", poke(ip6(ProtoTCP, seg(0)), 4, 0, 0), DropTransport, Info{L3Len: 40, Proto: ProtoTCP}},
	{"jumbogram", poke(ip6(extHopByHop, cat([]byte{6, 0, 0xc2, 4, 0, 1, 0, 0}, seg(0))), 4, 0, 0), DropIPv6,
		Info{L3Len: 40, Proto: extHopByHop}},
	{"hop-by-hop second", ip6(extDstOpts, cat(ext(extHopByHop, 1), ext(ProtoUDP, 1), dgram(0))), DropIPv6,
		Info{L3Len: 64, Proto: extHopByHop}},
	{"extension short", ip6(extDstOpts, make([]byte, 7)), DropIPv6, Info{L3Len: 47, Proto: extDstOpts}},
	{"extension long", ip6(extDstOpts, poke(ext(ProtoUDP, 1), 1, 1)), DropIPv6, Info{L3Len: 48, Proto: extDstOpts}},
	{"auth long", ip6(extAuth, poke(ext(ProtoUDP, 1), 1, 1)), DropIPv6, Info{L3Len: 48, Proto: extAuth}},
	{"icmpv6 short", ip6(ProtoICMPv6, make([]byte, 7)), DropTransport, Info{L3Len: 47, Proto: ProtoICMPv6}},
	{"tcp behind extension short", ip6(extRouting, cat(ext(ProtoTCP, 1), seg(0)[:19])), DropTransport,
		Info{L3Len: 67, Proto: ProtoTCP}},
}

func TestParse(t *testing.T) {
	for _, c := range parseCases {
		t.Run(c.name, func(t *testing.T) { wantParse(t, c.b, c.drop, c.want) })
	}
}

func TestParseIPv4(t *testing.T) {
	for _, c := range parse4Cases {
		c.want.EtherType, c.want.L3 = TypeIPv4, EthernetLen
		if c.drop != DropIPv4 {
			c.want.Flags |= FlagIPv4
		}
		t.Run(c.name, func(t *testing.T) { wantParse(t, ether(TypeIPv4, c.p), c.drop, c.want) })
	}
}

func TestParseIPv6(t *testing.T) {
	for _, c := range parse6Cases {
		c.want.EtherType, c.want.L3 = TypeIPv6, EthernetLen
		if c.want.L3Len != 0 {
			c.want.Flags |= FlagIPv6
		}
		t.Run(c.name, func(t *testing.T) { wantParse(t, ether(TypeIPv6, c.p), c.drop, c.want) })
	}
}

// wantParse parses b over an Info full of rubbish.
func wantParse(t *testing.T, b []byte, drop Reason, want Info) {
	t.Helper()
	got := Info{1, 2, 3, 4, 5, 6, 0xff, 8, 9, 10}
	if r := Parse(b, &got); r != drop {
		t.Errorf("reason %v, want %v", r, drop)
	}
	if drop != DropOversize {
		want.Dst, want.Src = macB, macA
	}
	if got != want {
		t.Errorf("info\n %+v, want\n %+v", got, want)
	}
}

func TestParseRunt(t *testing.T) {
	whole := ether(TypeIPv4, nil)
	for n := range EthernetLen {
		got := Info{L3: 1}
		if r := Parse(whole[:n], &got); r != DropRunt || got != (Info{}) {
			t.Errorf("%d bytes: %v %+v", n, r, got)
		}
	}
}

// A frame cut anywhere is dropped for a reason or read no further than its end.
func TestParseCut(t *testing.T) {
	check := func(b []byte) {
		for n := range b {
			var i Info
			if Parse(b[:n:n], &i) == Accepted && (int(i.L3) > n || int(i.L4) > n || int(i.L3)+int(i.L3Len) > n) {
				t.Fatalf("%d of %x: %+v", n, b, i)
			}
		}
	}
	for _, c := range parse4Cases {
		if len(c.p) < 200 {
			check(ether(TypeIPv4, c.p, tagged))
		}
	}
	for _, c := range parse6Cases {
		check(ether(TypeIPv6, c.p))
	}
}

func TestInfoVID(t *testing.T) {
	i := Info{TCI: 0xf123}
	if i.VID() != 0x123 {
		t.Errorf("VID %x", i.VID())
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	frames := [][]byte{ether(TypeIPv4, ip4(ProtoTCP, seg(0), nil)), ether(TypeIPv6, ip6chain(8)),
		ether(TypeARP, arpMessage(), tagged), nil}
	var info Info
	n := testing.AllocsPerRun(100, func() {
		for _, b := range frames {
			Parse(b, &info)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"tcp4", ether(TypeIPv4, ip4(ProtoTCP, seg(0), nil))},
		{"udp4", ether(TypeIPv4, ip4(ProtoUDP, dgram(18), nil))},
		{"tcp4-tagged", ether(TypeIPv4, ip4(ProtoTCP, seg(0), nil), tagged)},
		{"tcp6", ether(TypeIPv6, ip6(ProtoTCP, seg(0)))},
		{"udp6-8ext", ether(TypeIPv6, ip6chain(8))},
		{"arp", ether(TypeARP, arpMessage())},
	} {
		b.Run(c.name, func(b *testing.B) {
			var info Info
			b.ReportAllocs()
			for b.Loop() {
				if Parse(c.frame, &info) != Accepted {
					b.Fatal("dropped")
				}
			}
		})
	}
}
