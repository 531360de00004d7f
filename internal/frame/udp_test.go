package frame

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestUDPEncode(t *testing.T) {
	b := ether(TypeIPv4, ip4(ProtoUDP, dgram(9), nil))
	l, ok := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default).TransportLayer().(*layers.UDP)
	if !ok || l.SrcPort != 1000 || l.DstPort != 53 || l.Length != 17 || len(l.Payload) != 9 {
		t.Fatalf("gopacket reads %+v", l)
	}
	wantSum4(t, b[34:], Addr4(ip4A), Addr4(ip4B), ProtoUDP)
}

func TestUDPSettersKeepChecksum(t *testing.T) {
	a, b, c := Addr4(ip4A), Addr4(ip4B), uint32(0xffffffff)
	u := UDP(dgram(9))
	u.SetSrcPort(0, Complete)
	wantSum4(t, u, a, b, ProtoUDP)
	u.SetDstPort(0xfffe, Complete)
	wantSum4(t, u, a, b, ProtoUDP)
	u.ReplaceAddr4(b, c, Complete)
	wantSum4(t, u, a, c, ProtoUDP)
}

// A zero checksum means "none" and stays, whatever changes.
func TestUDPNoChecksum(t *testing.T) {
	u := UDP(dgram(2))
	u.SetChecksum(0)
	u.SetSrcPort(9, Complete)
	u.ReplaceAddr4(1, 2, Complete)
	u.ReplaceAddr16(ip6A.As16(), ip6B.As16(), Complete)
	if u.Checksum() != 0 || u.SrcPort() != 9 {
		t.Errorf("%x", []byte(u))
	}
}

// A checksum that comes out as zero is stored as 0xffff: find the port that makes
// it so.
func TestUDPChecksumNeverBecomesZero(t *testing.T) {
	a, b := Addr4(ip4A), Addr4(ip4B)
	u := UDP(dgram(2))
	seen := false
	for port := range 0x10000 {
		u.SetSrcPort(uint16(port), Complete)
		seen = seen || u.Checksum() == 0xffff
		if u.Checksum() == 0 {
			t.Fatalf("port %d: checksum 0", port)
		}
	}
	if !seen {
		t.Error("no port gave 0xffff")
	}
	wantSum4(t, u, a, b, ProtoUDP)
	fresh := make([]byte, UDPLen)
	// Port, length and pseudo header sum to 0xffff, whose inverse is 0.
	if (UDPFields{SrcPort: 0xffff - 16}).Encode(fresh, 8).Checksum() != 0xffff {
		t.Errorf("encoded %x", fresh)
	}
}

func TestUDPPartial(t *testing.T) {
	a, b, c := Addr4(ip4A), Addr4(ip4B), uint32(0x01020304)
	u := UDP(dgram(9))
	u.SetChecksum(Fold(PseudoSum4(a, b, ProtoUDP, len(u))))
	u.SetDstPort(77, Partial)
	u.ReplaceAddr4(a, c, Partial)
	if got, want := u.Checksum(), Fold(PseudoSum4(c, b, ProtoUDP, len(u))); got != want {
		t.Fatalf("field %#x, want %#x", got, want)
	}
	u.SetChecksum(^Checksum(u, 0))
	wantSum4(t, u, c, b, ProtoUDP)
}

func TestUDPReplaceAddr16(t *testing.T) {
	a, b, c := ip6A.As16(), ip6B.As16(), [16]byte{3, 2, 1}
	buf := make([]byte, 13)
	u := UDPFields{SrcPort: 1, DstPort: 2}.Encode(buf, PseudoSum6(a, b, ProtoUDP, len(buf)))
	u.ReplaceAddr16(a, c, Complete)
	if s := Checksum(u, PseudoSum6(c, b, ProtoUDP, len(u))); s != 0xffff {
		t.Errorf("sum %#x", s)
	}
}
