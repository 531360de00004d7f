package frame

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestEthernet(t *testing.T) {
	e := Ethernet(ether(TypeIPv4, nil))
	if e.Dst() != macB || e.Src() != macA || e.EtherType() != TypeIPv4 {
		t.Errorf("%x", e)
	}
	e.SetDst(Broadcast)
	e.SetSrc(macB)
	e.SetEtherType(TypeARP)
	if e.Dst() != Broadcast || e.Src() != macB || e.EtherType() != TypeARP {
		t.Errorf("%x", e)
	}
	if Ethernet(e[:13]).Valid() || !e.Valid() || e.Tag().Valid() {
		t.Error("validity")
	}
}

func TestVLANEncode(t *testing.T) {
	b := ether(TypeIPv4, ip4(ProtoUDP, dgram(0), nil), service, VLANFields{TCI: 0xf064})
	pkt := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	outer, ok := pkt.Layers()[1].(*layers.Dot1Q)
	inner, ok2 := pkt.Layers()[2].(*layers.Dot1Q)
	if !ok || !ok2 || outer.VLANIdentifier != 7 || inner.VLANIdentifier != 100 || inner.Priority != 7 ||
		!inner.DropEligible || pkt.TransportLayer() == nil {
		t.Errorf("gopacket reads %v", pkt)
	}
}

func TestVLAN(t *testing.T) {
	v := Ethernet(ether(TypeARP, nil, VLANFields{TPID: TypeQinQ, TCI: 0xb064})).Tag()
	if !v.Valid() || v.TPID() != TypeQinQ || v.PCP() != 5 || !v.DEI() || v.VID() != 100 || v.Next() != TypeARP {
		t.Errorf("%x", v)
	}
	v.SetVID(0xffff)
	if v.TCI() != 0xbfff {
		t.Errorf("TCI %#x after SetVID", v.TCI())
	}
	v.SetPCP(2)
	if v.TCI() != 0x5fff {
		t.Errorf("TCI %#x after SetPCP", v.TCI())
	}
	if v.SetTPID(TypeIPv4); v.Valid() || VLAN(v[:5]).Valid() {
		t.Error("validity")
	}
}

func TestARP(t *testing.T) {
	b := make([]byte, ARPLen)
	a := ARPFields{Op: ARPReply, SHA: macA, SPA: ip4A, THA: macB, TPA: ip4B}.Encode(b)
	pkt := gopacket.NewPacket(ether(TypeARP, b), layers.LayerTypeEthernet, gopacket.Default)
	l, ok := pkt.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || l.Operation != ARPReply || MACFrom(l.SourceHwAddress) != macA || MACFrom(l.DstHwAddress) != macB ||
		[4]byte(l.SourceProtAddress) != ip4A.As4() || [4]byte(l.DstProtAddress) != ip4B.As4() {
		t.Errorf("gopacket reads %+v", l)
	}
	if !a.Valid() || a.Op() != ARPReply || a.SHA() != macA || a.THA() != macB || a.SPA() != ip4A || a.TPA() != ip4B ||
		a.SPA4() != Addr4(ip4A) || a.TPA4() != Addr4(ip4B) || a.Gratuitous() || a.Probe() {
		t.Errorf("%x", b)
	}
	a.SetTarget(0, ip4A)
	if !a.Gratuitous() || a.THA() != 0 {
		t.Error("not gratuitous")
	}
	probe := ARPFields{Op: ARPRequest, SHA: macA, SPA: netip.IPv4Unspecified(), TPA: ip4B}
	if !probe.Encode(b).Probe() {
		t.Error("not a probe")
	}
}
