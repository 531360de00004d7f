package nat

import "vswitch/internal/frame"

// Fragments
//
// Only the first fragment of a packet has its ports. It is translated as a whole packet
// would be, its checksum too, and what became of its addresses is kept for the others:
//
//	first, then others    each is translated and goes on
//	others, then first    they are copied and wait; when the first has come they are
//	                      released, translated (Released)
//
// Fragments that overlap what came before end (RFC 1858, RFC 5722), and so does a first
// one that cuts the ports off. The books are forgotten when all of the packet has
// passed, or after a while.

// piece is where a fragment belongs.
type piece struct {
	key  datagramKey
	from int // units of 8 bytes
	to   int
	more bool
}

// datagramKey is what the fragments of one packet share. The protocol is 0 in IPv6,
// where only that of the first fragment counts (RFC 8200, section 4.5).
type datagramKey struct {
	op       op
	v6       bool
	proto    uint8
	src, dst addr
	id       uint32
}

// units is how many units of 8 bytes the longest packet has.
const units = 65536 / 8

// fragment carries out o for a fragment.
func (t *Table) fragment(o op, now int64, f *frame.Frame) frame.Reason {
	p, ok := readPiece(o, f)
	if !ok {
		return frame.DropNATFragment
	}
	if f.Flags&frame.FlagLaterFragment != 0 {
		return t.fragments.later(now, &p, f)
	}
	if !t.fragments.first(now, &p) {
		return frame.DropNATFragment
	}
	r := t.whole(o, now, f)
	src, dst := (&packet{f: f}).addrs()
	t.fragments.settle(&p, r, src, dst)
	return r
}

// readPiece reads a fragment; not ok where it cannot be one.
func readPiece(o op, f *frame.Frame) (p piece, ok bool) {
	p.key.op, p.key.v6 = o, f.Flags&frame.FlagIPv6 != 0
	p.key.src, p.key.dst = (&packet{f: f}).addrs()
	at, n := 0, 0
	if !p.key.v6 {
		ip := f.IPv4()
		p.key.proto, p.key.id, p.more = ip.Proto(), uint32(ip.ID()), ip.MoreFragments()
		at, n = ip.FragmentOffset(), len(ip.Payload())
	} else {
		ip := f.IPv6()[:frame.IPv6Len+f.IPv6().PayloadLen()]
		h, ok := walk6(ip)
		if !ok || h.fragment == 0 {
			return p, false
		}
		hdr := ip[h.fragment:]
		word := be.Uint16(hdr[2:])
		p.key.id, p.more = be.Uint32(hdr[4:]), word&1 != 0
		at, n = int(word&^7), len(hdr)-fragmentHeader
	}
	p.from, p.to = at/8, (at+n+7)/8
	return p, n > 0 && p.to <= units && (!p.more || n%8 == 0)
}

// readdress gives a packet at the beginning of b the addresses src and dst.
func readdress(b []byte, v6 bool, src, dst addr) {
	if v6 {
		p := frame.IPv6(b)
		p.SetSrc16(src.bytes16())
		p.SetDst16(dst.bytes16())
		return
	}
	p := frame.IPv4(b)
	p.SetSrc4(src.num4())
	p.SetDst4(dst.num4())
}
