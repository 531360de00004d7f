package frame

import (
	"testing"

	"github.com/google/gopacket/layers"
)

// agree fails the test where what Parse found contradicts gopacket.
func (o *oracle) agree(t *testing.T, b []byte, r Reason, i *Info) {
	t.Helper()
	if len(b) < EthernetLen || len(b) > MaxFrame {
		return
	}
	if i.Dst.String() != o.eth.DstMAC.String() || i.Src.String() != o.eth.SrcMAC.String() {
		t.Errorf("addresses %v %v, gopacket %v %v", i.Dst, i.Src, o.eth.DstMAC, o.eth.SrcMAC)
	}
	if len(o.tags) > 0 && int(i.Tags) >= len(o.tags) && i.VID() != o.tags[0].VLANIdentifier {
		t.Errorf("VLAN %d, gopacket %d", i.VID(), o.tags[0].VLANIdentifier)
	}
	if len(o.tags) > 2 && r != DropTags {
		t.Errorf("%d tags: %v", len(o.tags), r)
	}
	if int(i.Tags) > len(o.tags) && be.Uint16(b[ethType+TagLen*len(o.tags):]) != TypeQinQOld {
		t.Errorf("%d tags, gopacket %d", i.Tags, len(o.tags))
	}
	// What lies behind a third tag or the old tag type is no common ground.
	if len(o.tags) > 2 || int(i.Tags) != len(o.tags) {
		return
	}
	o.agreeARP(t, r, i)
	o.agreeIPv4(t, b, r, i)
	o.agreeIPv6(t, b, r, i)
	o.agreeTransport(t, b, r, i)
}

func (o *oracle) agreeARP(t *testing.T, r Reason, i *Info) {
	t.Helper()
	ours := i.Flags&FlagARP != 0
	// gopacket keeps the low byte of the hardware type only.
	theirs := o.arp != nil && be.Uint16(o.arp.Contents) == uint16(layers.LinkTypeEthernet) && o.arp.Protocol == layers.EthernetTypeIPv4 &&
		o.arp.HwAddressSize == 6 && o.arp.ProtAddressSize == 4
	if ours != theirs || ours && o.at(o.arp) != int(i.L3) {
		t.Errorf("ARP %v (%v), gopacket %v", ours, r, theirs)
	}
}

func (o *oracle) agreeIPv4(t *testing.T, b []byte, r Reason, i *Info) {
	t.Helper()
	ours := i.Flags&FlagIPv4 != 0
	p := o.ip4
	if !ours {
		// gopacket does not look at the version and takes length 0 for "all".
		if p != nil && p.Version == 4 && o.at(p)+int(p.Length) <= len(b) && be.Uint16(b[o.at(p)+2:]) != 0 {
			t.Errorf("%v, gopacket reads IPv4 %+v", r, p)
		}
		return
	}
	switch {
	case p == nil:
		// Options that gopacket does not like.
		if IPv4(b[i.L3:]).HeaderLen() == IPv4Len {
			t.Error("IPv4 that gopacket does not read")
		}
	case o.at(p) != int(i.L3) || int(p.Length) != int(i.L3Len) || uint8(p.Protocol) != i.Proto:
		t.Errorf("IPv4 %+v, gopacket %d %+v", i, o.at(p), p)
	case (p.FragOffset != 0) != (i.Flags&FlagLaterFragment != 0),
		(p.FragOffset != 0 || p.Flags&layers.IPv4MoreFragments != 0) != (i.Flags&FlagFragment != 0):
		t.Errorf("fragment %b, gopacket %v %d", i.Flags, p.Flags, p.FragOffset)
	default:
		v := IPv4(b[i.L3:])
		if v.Src().String() != p.SrcIP.String() || v.Dst().String() != p.DstIP.String() ||
			v.TTL() != p.TTL || v.TOS() != p.TOS || v.ID() != p.Id || v.Checksum() != p.Checksum ||
			v.HeaderLen() != len(p.Contents) || v.FragmentOffset() != int(p.FragOffset)*8 {
			t.Errorf("IPv4 view %x, gopacket %+v", []byte(v), p)
		}
	}
}

func (o *oracle) agreeIPv6(t *testing.T, b []byte, r Reason, i *Info) {
	t.Helper()
	ours := i.Flags&FlagIPv6 != 0
	p := o.ip6
	if !ours {
		if p != nil && p.Version == 6 && o.at(p)+IPv6Len+int(p.Length) <= len(b) {
			t.Errorf("%v, gopacket reads IPv6 %+v", r, p)
		}
		return
	}
	if p == nil {
		// A hop-by-hop header is part of gopacket's IPv6 layer, and so is its failure;
		// a jumbogram is read by its option.
		if v := IPv6(b[i.L3:]); v.NextHeader() != extHopByHop && v.PayloadLen() != 0 {
			t.Error("IPv6 that gopacket does not read")
		}
		return
	}
	v := IPv6(b[i.L3:])
	if o.at(p) != int(i.L3) || v.PayloadLen() != int(p.Length) || int(i.L3Len) != IPv6Len+int(p.Length) ||
		v.Src().AsSlice()[0] != p.SrcIP[0] || !p.DstIP.Equal(v.Dst().AsSlice()) || v.HopLimit() != p.HopLimit ||
		v.TrafficClass() != p.TrafficClass || v.FlowLabel() != p.FlowLabel || v.NextHeader() != uint8(p.NextHeader) {
		t.Errorf("IPv6 %+v %x, gopacket %d %+v", i, []byte(v[:IPv6Len]), o.at(p), p)
	}
}

// agreeTransport compares the transport header where gopacket reads one, which
// it does in no fragment and with no AH before it.
func (o *oracle) agreeTransport(t *testing.T, b []byte, r Reason, i *Info) {
	t.Helper()
	if o.trans == nil || o.truncated || i.Flags&(FlagIPv4|FlagIPv6) == 0 || o.ip6 != nil && o.ip6.Length == 0 {
		return
	}
	if i.L4 == 0 {
		if !o.refusable(i, r) {
			t.Errorf("no transport header (%v, %+v), gopacket %T %+v", r, i, o.trans, o.trans)
		}
		return
	}
	if at := o.at(o.trans); at != int(i.L4) {
		t.Errorf("transport at %d, gopacket %d", i.L4, at)
		return
	}
	p := b[i.L4 : uint32(i.L3)+i.L3Len]
	switch l := o.trans.(type) {
	case *layers.TCP:
		v := TCP(p)
		if i.Proto != ProtoTCP || v.SrcPort() != uint16(l.SrcPort) || v.DstPort() != uint16(l.DstPort) ||
			v.Seq() != l.Seq || v.Ack() != l.Ack || v.Window() != l.Window || v.Checksum() != l.Checksum ||
			v.Flags()&TCPSyn != 0 != l.SYN || len(v.Payload()) != len(l.Payload) && !o.padded() {
			t.Errorf("TCP view %x, gopacket %+v", p, l)
		}
	case *layers.UDP:
		v := UDP(p)
		if i.Proto != ProtoUDP || v.SrcPort() != uint16(l.SrcPort) || v.DstPort() != uint16(l.DstPort) ||
			v.Length() != int(l.Length) || v.Checksum() != l.Checksum || len(v.Payload()) != len(l.Payload) {
			t.Errorf("UDP view %x, gopacket %+v", p, l)
		}
	case *layers.ICMPv4:
		v := ICMPv4(p)
		if i.Proto != ProtoICMP || v.Type() != l.TypeCode.Type() || v.Code() != l.TypeCode.Code() ||
			v.Checksum() != l.Checksum || v.ID() != l.Id || v.Seq() != l.Seq {
			t.Errorf("ICMP view %x, gopacket %+v", p, l)
		}
	case *layers.ICMPv6:
		v := ICMPv6(p)
		if i.Proto != ProtoICMPv6 || v.Type() != l.TypeCode.Type() || v.Code() != l.TypeCode.Code() || v.Checksum() != l.Checksum {
			t.Errorf("ICMPv6 view %x, gopacket %+v", p, l)
		}
	}
}

// refusable reports whether Parse has no transport header, rightly, where gopacket
// reads one: too many or misplaced extension headers, a protocol of the other
// family, a UDP length of 0, a header that reaches into the Ethernet padding,
// which gopacket leaves on behind a hop-by-hop header.
func (o *oracle) refusable(i *Info, r Reason) bool {
	need := len(o.trans.LayerContents())
	switch l := o.trans.(type) {
	case *layers.UDP:
		need = int(l.Length)
		if l.Length == 0 && r == DropTransport {
			return true
		}
	case *layers.ICMPv6:
		need = ICMPLen
		if i.Flags&FlagIPv4 != 0 {
			return true
		}
	case *layers.ICMPv4:
		if i.Flags&FlagIPv6 != 0 {
			return true
		}
	}
	return r == DropIPv6 || o.at(o.trans)+need > int(i.L3)+int(i.L3Len)
}

// padded reports whether gopacket left Ethernet padding on the payload.
func (o *oracle) padded() bool { return o.ip6 != nil && o.ip6.HopByHop != nil }
