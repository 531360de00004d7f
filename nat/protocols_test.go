package nat

import (
	"bytes"
	"encoding/binary"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// Protocols without ports that could be changed: one inside host for each remote end.
func TestOtherProtocols(t *testing.T) {
	sctp := func(src, dst string, sport, dport uint16) []byte {
		b := make([]byte, 12)
		binary.BigEndian.PutUint16(b, sport)
		binary.BigEndian.PutUint16(b[2:], dport)
		return ipPacket(src, dst, protoSCTP, b...)
	}
	r := newRig(t)
	for _, c := range []struct {
		o    op
		b    []byte
		want frame.Reason
	}{
		{opOut, ipPacket(hostA, hostX, 47, 1), frame.Accepted},
		{opIn, ipPacket(hostX, outer4, 47, 1), frame.Accepted},
		{opIn, ipPacket(hostY, outer4, 47, 1), frame.DropNoFlow},
		{opOut, ipPacket(hostB, hostX, 47, 1), frame.DropNATPorts},
		{opOut, ipPacket(hostB, hostY, 47, 1), frame.Accepted},
		{opOut, ipPacket(hostB, hostX, 50, 1), frame.Accepted},
		{opOut, sctp(hostA, hostX, 10, 20), frame.Accepted},
		{opIn, sctp(hostX, outer4, 20, 10), frame.Accepted},
		{opIn, sctp(hostX, outer4, 21, 10), frame.DropNoFlow},
		{opOut, sctp(hostB, hostX, 10, 20), frame.DropNATPorts},
		{opOut, sctp(hostB, hostX, 11, 20), frame.Accepted},
		{opOut, sctp(hostA6, hostX6, 10, 20), frame.Accepted},
		{opIn, sctp(hostX6, outer6, 20, 10), frame.Accepted},
		{opOut, ipPacket(hostA, hostX, protoSCTP, 1, 2), frame.DropTransport},
		{opOut, ipPacket(hostA, hostX, protoUDPLite, 1), frame.DropUplinkProtocol},
		{opOut, ipPacket(hostA, hostX, protoDCCP, 1), frame.DropUplinkProtocol},
		{opOut, ipPacket(hostA, hostX, protoAH, 1), frame.DropUplinkProtocol},
		{opOut, ipPacket(hostA, hostX, protoIGMP, 1), frame.DropUplinkProtocol},
		{opOut, ipPacket(hostA, hostX, 58, 1), frame.DropUplinkProtocol},
		{opOut, ipPacket(hostA6, hostX6, 1, 1), frame.DropUplinkProtocol},
	} {
		if got := r.t.do(c.o, r.now, slot(t, c.b)); got != c.want {
			t.Errorf("op %d: %v, want %v: %.300v", c.o, got, c.want, decode(c.b))
		}
	}
	r.t.check(t)
	arp := make([]byte, 60)
	arp[12], arp[13] = 0x88, 0xcc
	r.refuse(opOut, arp, frame.DropUplinkProtocol)
}

// extend puts an extension header of 8 bytes before the transport header of IPv6.
func extend(b []byte, typ uint8, rest ...byte) []byte {
	ext := make([]byte, 8)
	ext[0] = b[14+6]
	copy(ext[2:], rest)
	e := append(append(bytes.Clone(b[:54]), ext...), b[54:]...)
	e[14+6] = typ
	frame.IPv6(e[14:]).SetPayloadLen(len(e) - 54)
	return e
}

func TestExtensionHeaders(t *testing.T) {
	a6, x6 := at(hostA6, 5000), at(hostX6, 80)
	r := newRig(t)
	r.out(extend(udp(a6, x6), extDstOpts, 1, 4))
	r.out(extend(udp(a6, x6), extRouting, 4, 0))
	r.refuse(opOut, extend(udp(a6, x6), extRouting, 4, 1), frame.DropIPv6)
	r.refuse(opOut, extend(udp(a6, x6), protoAH), frame.DropIPv6)
	s := r.out(extend(udp(a6, x6), extDstOpts, 1, 4))
	e := r.in(complain(hostX6, s.bytes, frame.ICMPv6Unreachable, 0, 1000))
	if e.dst.Addr() != a6.Addr() {
		t.Errorf("went to %v", e.dst)
	}
}

// A datagram without a checksum keeps none, and the time to live is nobody's here.
func TestWhatIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.out(udp(at(hostB, 5000), x))
	b := udp(a, x)
	f := slot(t, b)
	f.UDP().SetChecksum(0)
	f.IPv4().SetTTL(1)
	s := r.out(f.Bytes())
	g := slot(t, s.bytes)
	if g.UDP().Checksum() != 0 || g.IPv4().TTL() != 1 || s.src.Port() == 5000 {
		t.Errorf("checksum %#x, TTL %d, from %v", g.UDP().Checksum(), g.IPv4().TTL(), s.src)
	}
}

// SYNs are clamped both ways, nothing else is.
func TestMSS(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MSS = 1200 })
	mss := func(s *seen) uint16 {
		v, _ := slot(t, s.bytes).TCP().MSS()
		return v
	}
	s := r.out(tcp(a, x, synFlag))
	if got := mss(s); got != 1200 {
		t.Errorf("out: %d", got)
	}
	if got := mss(r.in(tcp(x, s.src, synFlag|ackFlag))); got != 1200 {
		t.Errorf("in: %d", got)
	}
	r = newRig(t, func(c *Config) { c.MSS = 1461 })
	if got := mss(r.out(tcp(a, x, synFlag))); got != 1460 {
		t.Errorf("raised to %d", got)
	}
}

// super makes a super-frame of TCP or UDP as a TAP delivers it, its checksum unfinished.
func super(t *testing.T, b []byte, size uint16) *frame.Frame {
	t.Helper()
	f := slot(t, b)
	if !offload.Partial(f) {
		t.Fatal("no checksum to leave unfinished")
	}
	h := offload.Vnet(f.Vnet())
	switch {
	case f.Proto == frame.ProtoUDP:
		h.SetGSOType(offload.GSOUDP)
	case f.Flags&frame.FlagIPv6 != 0:
		h.SetGSOType(offload.GSOTCP6)
	default:
		h.SetGSOType(offload.GSOTCP4)
	}
	h.SetGSOSize(size)
	if r := offload.Check(f); r != frame.Accepted {
		t.Fatal(r)
	}
	return f
}

// A super-frame stays one; cut afterwards, each of its segments is right.
func TestSuperFrames(t *testing.T) {
	body := bytes.Repeat([]byte("payload."), 1000)
	a6, x6 := at(hostA6, 5000), at(hostX6, 80)
	for name, b := range map[string][]byte{
		"tcp4": tcp(a, x, ackFlag, body...), "tcp6": tcp(a6, x6, ackFlag, body...),
		"udp4": udp(a, x, body...), "udp6": udp(a6, x6, body...),
	} {
		r := newRig(t)
		r.out(udp(at(hostB, 5000), x)) // take a's port
		r.out(udp(at(hostB6, 5000), x6))
		r.out(tcp(at(hostB, 5000), x, synFlag))
		r.out(tcp(at(hostB6, 5000), x6, synFlag))
		if b[14+9] == 6 || b[14+6] == 6 {
			src, dst := ends(decode(b))
			r.connect(src, dst)
		}
		f := super(t, b, 1000)
		if got := r.t.Out(r.now, f); got != frame.Accepted || offload.Check(f) != frame.Accepted {
			t.Fatalf("%s: %v, %v", name, got, offload.Check(f))
		}
		segments := uint64(0)
		seg := offload.NewSegmenter(16, frame.VnetLen)
		if got := seg.Start(f, offload.SumComplete); got != frame.Accepted {
			t.Fatalf("%s: %v", name, got)
		}
		for _, s := range seg.Next() {
			segments++
			part := append(bytes.Clone(s.Head()), s.Payload...)
			if src, _ := ends(decode(part)); src.Port() == 5000 {
				t.Errorf("%s: the port is the old one", name)
			}
			verify(t, decode(part), part)
		}
		flows := r.t.Flows()
		want := Traffic{segments, uint64(f.L3Len)}
		if f.Proto == frame.ProtoTCP { // the SYN and its ACK
			want.Packets += 2
			want.Bytes = flows[len(flows)-1].Out.Bytes
		}
		if got := flows[len(flows)-1].Out; segments < 8 || got != want {
			t.Errorf("%s: counted %+v, want %+v", name, got, want)
		}
	}
}
