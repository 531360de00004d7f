package frame

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestICMPv4Encode(t *testing.T) {
	m := ICMPFields{Type: ICMPEchoRequest, Rest: 0x00050006}.EncodeV4(append(make([]byte, 8), "data"...))
	b := ether(TypeIPv4, ip4(ProtoICMP, m, nil))
	l, ok := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok || l.Id != 5 || l.Seq != 6 || l.TypeCode.Type() != 8 || string(l.Payload) != "data" {
		t.Fatalf("gopacket reads %+v", l)
	}
	if Checksum(m, 0) != 0xffff {
		t.Errorf("checksum of %x", m)
	}
}

func TestICMPv4Setters(t *testing.T) {
	m := ICMPFields{Type: ICMPEchoRequest, Code: 0, Rest: 0x00050006}.EncodeV4(append(make([]byte, 8), "dat"...))
	m.SetType(ICMPEchoReply)
	m.SetID(0xffff)
	if m.Type() != ICMPEchoReply || m.Code() != 0 || m.ID() != 0xffff || m.Seq() != 6 || Checksum(m, 0) != 0xffff {
		t.Errorf("%x", m)
	}
}

func TestICMPv4Kinds(t *testing.T) {
	for typ := range 256 {
		m := ICMPv4{uint8(typ), 0, 0, 0, 0, 0, 5, 0xdc}
		echo := typ == 0 || typ == 8
		fault := typ == 3 || typ == 5 || typ == 11 || typ == 12
		if m.Echo() != echo || m.Error() != fault || m.MTU() != 1500 {
			t.Errorf("type %d: echo %v error %v", typ, m.Echo(), m.Error())
		}
	}
}

func TestICMPv6Setters(t *testing.T) {
	a, b, c := ip6A.As16(), ip6B.As16(), [16]byte{9}
	buf := append(make([]byte, 8), "dat"...)
	m := ICMPFields{Type: ICMPv6EchoRequest, Rest: 0x00050006}.EncodeV6(buf, PseudoSum6(a, b, ProtoICMPv6, len(buf)))
	m.SetType(ICMPv6EchoReply)
	m.SetID(7)
	m.ReplaceAddr16(a, c)
	if m.ID() != 7 || m.Seq() != 6 || !m.Echo() || m.Error() {
		t.Errorf("%x", m)
	}
	if s := Checksum(m, PseudoSum6(c, b, ProtoICMPv6, len(m))); s != 0xffff {
		t.Errorf("sum %#x", s)
	}
}

// linkOption is a link-layer address option.
func linkOption(kind uint8, addr MAC) []byte {
	b := []byte{kind, 1, 7: 0}
	addr.Put(b[2:])
	return b
}

// neighbour is a solicitation or advertisement for ip6A.
func neighbour(typ uint8, options ...[]byte) ICMPv6 {
	b := append(make([]byte, 24), cat(options...)...)
	b[0] = typ
	putAddr16(b[8:], ip6A)
	return b
}

func TestNDP(t *testing.T) {
	na := neighbour(ICMPv6NeighborAdv, []byte{5, 1, 7: 0}, linkOption(NDPTargetLinkAddr, macB))
	if !na.NDPValid() || !na.NDPHasTarget() || na.NDPTarget() != ip6A || na.NDPTarget16() != ip6A.As16() {
		t.Errorf("%x", na)
	}
	if mac, ok := na.NDPLinkAddr(NDPTargetLinkAddr); !ok || mac != macB {
		t.Errorf("target link address %v %v", mac, ok)
	}
	if _, ok := na.NDPLinkAddr(NDPSourceLinkAddr); ok {
		t.Error("source link address where there is none")
	}
	if (ICMPv6{ICMPv6RouterSol}).NDPHasTarget() || (ICMPv6{ICMPv6MLDv2Report}).NDPHasTarget() {
		t.Error("target where there is none")
	}
}

func TestNDPValid(t *testing.T) {
	rs := append(make(ICMPv6, 8), linkOption(NDPSourceLinkAddr, macA)...)
	rs[0] = ICMPv6RouterSol
	both := [][]byte{linkOption(NDPSourceLinkAddr, macA), linkOption(NDPTargetLinkAddr, macB)}
	twice := [][]byte{linkOption(NDPTargetLinkAddr, macA), linkOption(NDPTargetLinkAddr, macB)}
	for _, c := range []struct {
		name string
		m    ICMPv6
		want bool
	}{
		{"solicitation", neighbour(ICMPv6NeighborSol), true},
		{"router solicitation", rs, true},
		{"both options", neighbour(ICMPv6NeighborSol, both...), true},
		{"option twice", neighbour(ICMPv6NeighborAdv, twice...), false},
		{"length zero", neighbour(ICMPv6NeighborAdv, make([]byte, 8)), false},
		{"option cut", neighbour(ICMPv6NeighborAdv, []byte{2, 1, 0}), false},
		{"option long", neighbour(ICMPv6NeighborAdv, []byte{2, 2, 7: 0}), false},
		{"short", neighbour(ICMPv6NeighborAdv)[:23], false},
		{"redirect short", neighbour(ICMPv6Redirect), false},
		{"echo", neighbour(ICMPv6EchoRequest), false},
	} {
		if got := c.m.NDPValid(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if _, ok := neighbour(ICMPv6NeighborAdv, make([]byte, 8)).NDPLinkAddr(NDPTargetLinkAddr); ok {
		t.Error("address behind a malformed option")
	}
}

// gopacket writes, we read.
func TestNDPSerialized(t *testing.T) {
	ip := gpIPv6(layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(ICMPv6NeighborSol, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	ns := &layers.ICMPv6NeighborSolicitation{TargetAddress: ip6B.AsSlice(), Options: layers.ICMPv6Options{
		{Type: layers.ICMPv6OptSourceAddress, Data: macA.HardwareAddr()}}}
	b := serialize(t, gpEther(layers.EthernetTypeIPv6), ip, icmp, ns)
	f := Frame{Buf: b, Len: len(b)}
	if r := f.Parse(); r != Accepted || f.L4 != 54 {
		t.Fatal(r, f.Info)
	}
	m := f.ICMPv6()
	mac, ok := m.NDPLinkAddr(NDPSourceLinkAddr)
	if !m.NDPValid() || m.Type() != ICMPv6NeighborSol || m.NDPTarget() != ip6B || !ok || mac != macA {
		t.Errorf("%x", m)
	}
	wantGoodSum(t, &f)
}
