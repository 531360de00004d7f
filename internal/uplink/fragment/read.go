package fragment

import (
	"encoding/binary"

	"vswitch/internal/frame"
)

var be = binary.BigEndian

const (
	// next is the protocol number of IPv6's fragment header, headerLen its length.
	next      = 44
	headerLen = 8
	// unit is what offsets count in, in bytes: fragments begin and, but for the last,
	// end at its multiples.
	unit = 8
)

// Key says which datagram of a network a fragment is of. Addresses of IPv4 are mapped.
type Key struct {
	Net      uint16
	Proto    uint8
	Src, Dst [16]byte
	ID       uint32
}

// SameSender reports whether both are of one container.
func (k *Key) SameSender(o *Key) bool { return k.Net == o.Net && k.Src == o.Src }

// Piece is a fragment.
type Piece struct {
	Key
	// At is where Body belongs in the datagram, in bytes, and More says that it is not
	// the datagram's end. Body lies in the frame.
	At   int
	More bool
	Body []byte
	// Hops and TOS are those of the IP header.
	Hops, TOS uint8
}

// Read reads a parsed frame with a fragment of a datagram of proto. It is not ok for one
// of another protocol, nor where an IPv6 packet has other extension headers.
func Read(net uint16, proto uint8, f *frame.Frame) (p Piece, ok bool) {
	if f.Flags&frame.FlagIPv4 != 0 {
		ip := f.IPv4()
		return Piece{
			Key: Key{net, proto, ip.Src().As16(), ip.Dst().As16(), uint32(ip.ID())},
			At:  ip.FragmentOffset(), More: ip.MoreFragments(), Body: ip.Payload(), Hops: ip.TTL(), TOS: ip.TOS(),
		}, ip.Proto() == proto
	}
	ip := f.IPv6()
	b := ip.Payload()
	if ip.NextHeader() != next || len(b) < headerLen || b[0] != proto {
		return p, false
	}
	word := be.Uint16(b[2:])
	return Piece{
		Key: Key{net, proto, ip.Src16(), ip.Dst16(), be.Uint32(b[4:])},
		At:  int(word &^ 7), More: word&1 != 0, Body: b[headerLen:], Hops: ip.HopLimit(), TOS: ip.TrafficClass(),
	}, true
}

// Fits reports whether it can be a part of a datagram of at most max bytes: it is not
// empty and, but for the last, ends where another may begin.
func (p *Piece) Fits(max int) bool {
	return len(p.Body) > 0 && (!p.More || len(p.Body)%unit == 0) && p.At+len(p.Body) <= max
}
