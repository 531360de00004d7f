package tcp

import (
	"net/netip"

	"vswitch/internal/frame"
)

const (
	syn = frame.TCPSyn
	fin = frame.TCPFin
	rst = frame.TCPRst
	ack = frame.TCPAck
	psh = frame.TCPPsh
)

// pair names a connection: the two ends of it, both of one IP version.
type pair struct{ local, remote netip.AddrPort }

// segment is what comes in, taken apart.
type segment struct {
	pair
	mac      frame.MAC // of the sender
	seq, ack seq
	flags    uint8
	window   int
	mss      int // what the sender announces; 0: nothing
	payload  []byte
}

func (s *segment) has(flag uint8) bool { return s.flags&flag != 0 }

// len returns how much of the sequence space the segment takes.
func (s *segment) len() int {
	n := len(s.payload)
	if s.has(syn) {
		n++
	}
	if s.has(fin) {
		n++
	}
	return n
}

// end returns the number behind the segment.
func (s *segment) end() seq { return s.seq.plus(s.len()) }

// read takes a frame apart. The payload lies in b.
func read(b []byte) (s segment, ok bool) {
	var info frame.Info
	if frame.Parse(b, &info) != frame.Accepted || info.L4 == 0 ||
		info.Proto != frame.ProtoTCP || info.Flags&frame.FlagFragment != 0 || info.Src.Group() {
		return s, false
	}
	t := frame.TCP(b[info.L4 : uint32(info.L3)+info.L3Len])
	src, dst := ends(b[info.L3:], info.Flags)
	if !ordinary(src) || !ordinary(dst) {
		return s, false
	}
	s = segment{
		pair: pair{local: netip.AddrPortFrom(dst, t.DstPort()), remote: netip.AddrPortFrom(src, t.SrcPort())},
		mac:  info.Src, seq: seq(t.Seq()), ack: seq(t.Ack()),
		flags: t.Flags(), window: int(t.Window()), payload: t.Payload(),
	}
	if mss, found := t.MSS(); found && s.has(syn) {
		s.mss = int(mss)
	}
	return s, true
}

func ends(l3 []byte, flags uint8) (src, dst netip.Addr) {
	if flags&frame.FlagIPv4 != 0 {
		return frame.IPv4(l3).Src(), frame.IPv4(l3).Dst()
	}
	return frame.IPv6(l3).Src(), frame.IPv6(l3).Dst()
}

// ordinary reports whether an address can be an end of a connection (RFC 9293,
// section 3.9.2.3): what stands for several stations or for none never is.
func ordinary(a netip.Addr) bool {
	return !a.IsMulticast() && !a.IsUnspecified() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
