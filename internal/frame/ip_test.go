package frame

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestIPv4Encode(t *testing.T) {
	p := ip4(47, []byte("data"), func(f *IPv4Fields) {
		f.TOS, f.TTL, f.DontFragment, f.MoreFragments, f.FragmentOffset = 0x2e, 9, true, true, 1480
	})
	l, ok := gopacket.NewPacket(p, layers.LayerTypeIPv4, gopacket.Default).NetworkLayer().(*layers.IPv4)
	if !ok || l.TOS != 0x2e || l.TTL != 9 || l.Flags != layers.IPv4DontFragment|layers.IPv4MoreFragments ||
		l.FragOffset != 185 || l.Length != 24 || l.Id != 0x1234 || l.Protocol != 47 ||
		!l.SrcIP.Equal(ip4A.AsSlice()) || !l.DstIP.Equal(ip4B.AsSlice()) || l.Checksum != IPv4(p).Checksum() {
		t.Errorf("gopacket reads %+v", l)
	}
	if v := IPv4(p); !v.ChecksumOK() || !v.DontFragment() || !v.MoreFragments() || v.FragmentOffset() != 1480 {
		t.Errorf("%x", p)
	}
}

func TestIPv4SettersKeepChecksum(t *testing.T) {
	p := IPv4(ip4(ProtoTCP, seg(0), nil))
	for _, c := range []struct {
		name string
		set  func()
		ok   func() bool
	}{
		{"source", func() { p.SetSrc(ip4B) }, func() bool { return p.Src() == ip4B && p.Src4() == Addr4(ip4B) }},
		{"destination", func() { p.SetDst4(0) }, func() bool { return p.Dst4() == 0 && p.Dst().IsUnspecified() }},
		{"ttl", func() { p.SetTTL(0) }, func() bool { return p.TTL() == 0 && p.Proto() == ProtoTCP }},
		{"tos", func() { p.SetTOS(0xff) }, func() bool { return p.TOS() == 0xff && p.HeaderLen() == IPv4Len }},
		{"length", func() { p.SetTotalLen(21) }, func() bool { return p.TotalLen() == 21 && len(p.Payload()) == 1 }},
		{"id", func() { p.SetID(0xffff) }, func() bool { return p.ID() == 0xffff }},
	} {
		c.set()
		if !c.ok() || !p.ChecksumOK() || !p.Valid() {
			t.Errorf("%s: %x", c.name, []byte(p))
		}
		// Incremental and whole give the same bits, not just both a right sum.
		was := p.Checksum()
		if p.FillChecksum(); p.Checksum() != was {
			t.Errorf("%s: %#x, computed anew %#x", c.name, was, p.Checksum())
		}
	}
}

func TestIPv4Options(t *testing.T) {
	p := IPv4(poke(ip4(ProtoUDP, append([]byte{1, 1, 1, 0}, dgram(0)...), nil), 0, 0x46))
	if o := p.Options(); len(o) != 4 || o[0] != 1 || len(p.Payload()) != 8 {
		t.Errorf("options %x payload %x", o, p.Payload())
	}
}

func TestIPv6Encode(t *testing.T) {
	b := append(make([]byte, IPv6Len), "data"...)
	p := IPv6Fields{TrafficClass: 0xb8, FlowLabel: 0x12345, NextHeader: ProtoNoNext, HopLimit: 9, Src: ip6A, Dst: ip6B}.Encode(b)
	l, ok := gopacket.NewPacket(b, layers.LayerTypeIPv6, gopacket.Default).NetworkLayer().(*layers.IPv6)
	if !ok || l.Version != 6 || l.TrafficClass != 0xb8 || l.FlowLabel != 0x12345 || l.Length != 4 || l.HopLimit != 9 ||
		l.NextHeader != 59 || !l.SrcIP.Equal(ip6A.AsSlice()) || !l.DstIP.Equal(ip6B.AsSlice()) {
		t.Fatalf("gopacket reads %+v", l)
	}
	p.SetTrafficClass(0x41)
	p.SetSrc16(ip6B.As16())
	p.SetDst16(ip6A.As16())
	p.SetHopLimit(1)
	if p.TrafficClass() != 0x41 || p.FlowLabel() != 0x12345 || p[0]>>4 != 6 || p.Src() != ip6B || p.Dst() != ip6A ||
		p.HopLimit() != 1 || string(p.Payload()) != "data" {
		t.Errorf("%x", b)
	}
}

func TestPseudoSums(t *testing.T) {
	p6 := IPv6(ip6(ProtoTCP, nil))
	if Fold(p6.PseudoSum(ProtoTCP, 70000)) != Fold(PseudoSum6(p6.Src16(), p6.Dst16(), ProtoTCP, 70000)) {
		t.Error("IPv6 view and function differ")
	}
	naive6 := cat(ip6A.AsSlice(), ip6B.AsSlice(), []byte{0, 1, 0x11, 0x70, 0, 0, 0, ProtoTCP})
	if got, want := Fold(p6.PseudoSum(ProtoTCP, 70000)), naive(naive6, 0); got != want {
		t.Errorf("IPv6 %#x, want %#x", got, want)
	}
	naive4 := cat(ip4A.AsSlice(), ip4B.AsSlice(), []byte{0, ProtoUDP, 0x12, 0x34})
	if got, want := Fold(IPv4(ip4(ProtoUDP, nil, nil)).PseudoSum(0x1234)), naive(naive4, 0); got != want {
		t.Errorf("IPv4 %#x, want %#x", got, want)
	}
}
