package frame

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// synSegment is a SYN with options and some payload, its checksum right between
// ip4A and ip4B.
func synSegment(options ...byte) []byte {
	b := make([]byte, TCPLen+len(options)+5)
	copy(b[TCPLen+len(options):], "hello")
	f := TCPFields{SrcPort: 40000, DstPort: 443, Seq: 0xfffffff0, Ack: 3, Flags: TCPSyn | TCPEce, Window: 0xfedc,
		Options: options}
	return f.Encode(b, PseudoSum4(Addr4(ip4A), Addr4(ip4B), ProtoTCP, len(b)))
}

func TestTCPEncode(t *testing.T) {
	b := ether(TypeIPv4, ip4(ProtoTCP, synSegment(2, 4, 5, 0xb4), nil))
	pkt := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	l, ok := pkt.TransportLayer().(*layers.TCP)
	if !ok {
		t.Fatal(pkt)
	}
	if l.SrcPort != 40000 || l.DstPort != 443 || l.Seq != 0xfffffff0 || l.Ack != 3 || l.Window != 0xfedc ||
		!l.SYN || !l.ECE || l.ACK || len(l.Options) != 1 || string(l.Payload) != "hello" {
		t.Errorf("gopacket reads %+v", l)
	}
	var i Info
	if r := Parse(b, &i); r != Accepted {
		t.Fatal(r)
	}
	wantGoodSum(t, &Frame{Buf: b, Len: len(b), Info: i})
}

// wantSum4 checks a segment's complete checksum between two addresses.
func wantSum4(t *testing.T, b []byte, src, dst uint32, proto uint8) {
	t.Helper()
	if s := Checksum(b, PseudoSum4(src, dst, proto, len(b))); s != 0xffff {
		t.Errorf("sum %#x, want 0xffff", s)
	}
}

func TestTCPSettersKeepChecksum(t *testing.T) {
	a, b, c := Addr4(ip4A), Addr4(ip4B), uint32(0xc0a80101)
	s := TCP(synSegment())
	s.SetSrcPort(1, Complete)
	wantSum4(t, s, a, b, ProtoTCP)
	s.SetDstPort(0xffff, Complete)
	wantSum4(t, s, a, b, ProtoTCP)
	s.ReplaceAddr4(a, c, Complete)
	wantSum4(t, s, c, b, ProtoTCP)
	if s.SrcPort() != 1 || s.DstPort() != 0xffff {
		t.Errorf("ports %d %d", s.SrcPort(), s.DstPort())
	}
}

// With a partial checksum the field follows the pseudo header only, and a device
// that finishes it gets the right one.
func TestTCPPartial(t *testing.T) {
	a, b, c := Addr4(ip4A), Addr4(ip4B), uint32(0xc0a80101)
	s := TCP(synSegment(2, 4, 5, 0xb4))
	s.SetChecksum(Fold(PseudoSum4(a, b, ProtoTCP, len(s))))
	s.SetSrcPort(1, Partial)
	s.ReplaceAddr4(a, c, Partial)
	if !s.ClampMSS(1000, Partial) {
		t.Error("not clamped")
	}
	if got, want := s.Checksum(), Fold(PseudoSum4(c, b, ProtoTCP, len(s))); got != want {
		t.Errorf("field %#x, want %#x", got, want)
	}
	s.SetChecksum(^Checksum(s, 0))
	wantSum4(t, s, c, b, ProtoTCP)
}

func TestTCPReplaceAddr16(t *testing.T) {
	a, b, c := ip6A.As16(), ip6B.As16(), [16]byte{1, 2, 3, 15: 0xff}
	for _, cov := range []Coverage{Complete, Partial} {
		s := TCP(synSegment())
		s.SetChecksum(0)
		if cov == Complete {
			s.SetChecksum(^Checksum(s, PseudoSum6(a, b, ProtoTCP, len(s))))
		} else {
			s.SetChecksum(Fold(PseudoSum6(a, b, ProtoTCP, len(s))))
		}
		s.ReplaceAddr16(b, c, cov)
		if cov == Partial {
			s.SetChecksum(^Checksum(s, 0))
		}
		if sum := Checksum(s, PseudoSum6(a, c, ProtoTCP, len(s))); sum != 0xffff {
			t.Errorf("coverage %d: sum %#x", cov, sum)
		}
	}
}

func TestTCPPlainSetters(t *testing.T) {
	s := TCP(synSegment())
	before := s.Checksum()
	s.SetSeq(1)
	s.SetAck(2)
	s.SetFlags(TCPAck)
	s.SetWindow(3)
	if s.Seq() != 1 || s.Ack() != 2 || s.Flags() != TCPAck || s.Window() != 3 || s.Checksum() != before {
		t.Errorf("%x", []byte(s))
	}
}

func TestTCPOption(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []byte
		kind    uint8
		want    []byte
	}{
		{"none", nil, TCPOptMSS, nil},
		{"first", []byte{2, 4, 5, 0xb4}, TCPOptMSS, []byte{5, 0xb4}},
		{"behind nops", []byte{1, 1, 1, 3, 3, 7, 1, 0}, TCPOptScale, []byte{7}},
		{"no data", []byte{4, 2, 1, 1}, TCPOptSACKOK, []byte{}},
		{"behind end", []byte{0, 2, 4, 5, 0xb4, 0, 0, 0}, TCPOptMSS, nil},
		{"behind fault", []byte{9, 1, 2, 4, 5, 0xb4, 0, 0}, TCPOptMSS, nil},
		{"zero length", []byte{2, 0, 0, 0}, TCPOptMSS, nil},
		{"too long", []byte{1, 2, 4, 5}, TCPOptMSS, nil},
		{"length cut off", []byte{1, 1, 1, 2}, TCPOptMSS, nil},
		{"first of two", []byte{3, 3, 1, 3, 3, 2, 0, 0}, TCPOptScale, []byte{1}},
	} {
		got := TCP(synSegment(c.options...)).Option(c.kind)
		if !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTCPClampMSS(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []byte
		flags   uint8
		max     uint16
		changed bool
		want    uint16
	}{
		{"lower", []byte{2, 4, 5, 0xb4}, TCPSyn, 1400, true, 1400},
		{"odd offset", []byte{1, 2, 4, 5, 0xb4, 1, 1, 1}, TCPSyn | TCPAck, 1400, true, 1400},
		{"low already", []byte{2, 4, 5, 0xb4}, TCPSyn, 1460, false, 1460},
		{"not a syn", []byte{2, 4, 5, 0xb4}, TCPAck, 1400, false, 1460},
		{"no option", []byte{1, 1, 1, 1}, TCPSyn, 1400, false, 0},
		{"wrong length", []byte{2, 3, 5, 0}, TCPSyn, 1, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := TCP(synSegment(c.options...))
			s.SetFlags(c.flags)
			s.SetChecksum(0)
			s.SetChecksum(^Checksum(s, PseudoSum4(Addr4(ip4A), Addr4(ip4B), ProtoTCP, len(s))))
			if changed := s.ClampMSS(c.max, Complete); changed != c.changed {
				t.Errorf("changed %v", changed)
			}
			if mss, ok := s.MSS(); mss != c.want || ok != (c.want != 0) {
				t.Errorf("MSS %d, want %d", mss, c.want)
			}
			wantSum4(t, s, Addr4(ip4A), Addr4(ip4B), ProtoTCP)
		})
	}
}
