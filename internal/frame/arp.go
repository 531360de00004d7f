package frame

import "net/netip"

// ARPLen is the length of an ARP message for Ethernet and IPv4, in bytes.
const ARPLen = 28

// ARP is an ARP message for Ethernet and IPv4 (RFC 826).
type ARP []byte

// Offsets in an ARP message.
const (
	arpOp  = 6
	arpSHA = 8
	arpSPA = 14
	arpTHA = 18
	arpTPA = 24
)

// arpFormat is how a message for Ethernet and IPv4 begins: hardware type 1,
// protocol type IPv4, address lengths 6 and 4.
const arpFormat = 0x0001_0800_06_04

// ARP operations.
const (
	ARPRequest = 1
	ARPReply   = 2
)

// Valid reports whether the message is whole and about Ethernet and IPv4; the
// other methods need it.
func (a ARP) Valid() bool {
	return len(a) >= ARPLen && be.Uint64(a[0:8])>>16 == arpFormat
}

// Op returns the operation: ARPRequest, ARPReply or another.
func (a ARP) Op() uint16 { return be.Uint16(a[arpOp : arpOp+2]) }

// SHA returns the sender's hardware address.
func (a ARP) SHA() MAC { return MACFrom(a[arpSHA:]) }

// SPA returns the sender's protocol address.
func (a ARP) SPA() netip.Addr { return netip.AddrFrom4([4]byte(a[arpSPA:])) }

// SPA4 returns the sender's protocol address as a number.
func (a ARP) SPA4() uint32 { return be.Uint32(a[arpSPA : arpSPA+4]) }

// THA returns the target's hardware address.
func (a ARP) THA() MAC { return MACFrom(a[arpTHA:]) }

// TPA returns the target's protocol address.
func (a ARP) TPA() netip.Addr { return netip.AddrFrom4([4]byte(a[arpTPA:])) }

// TPA4 returns the target's protocol address as a number.
func (a ARP) TPA4() uint32 { return be.Uint32(a[arpTPA : arpTPA+4]) }

// Gratuitous reports whether sender and target are the same address: an
// announcement (RFC 5227, section 3).
func (a ARP) Gratuitous() bool { return a.SPA4() == a.TPA4() }

// Probe reports whether the sender asks for an address that it does not claim
// yet, with a sender address of zero (RFC 5227, section 2.1.1).
func (a ARP) Probe() bool { return a.Op() == ARPRequest && a.SPA4() == 0 }

// SetOp writes the operation.
func (a ARP) SetOp(op uint16) { be.PutUint16(a[arpOp:], op) }

// SetSender writes both addresses of the sender; ip is IPv4.
func (a ARP) SetSender(hw MAC, ip netip.Addr) {
	hw.Put(a[arpSHA:])
	putAddr4(a[arpSPA:], ip)
}

// SetTarget writes both addresses of the target; ip is IPv4.
func (a ARP) SetTarget(hw MAC, ip netip.Addr) {
	hw.Put(a[arpTHA:])
	putAddr4(a[arpTPA:], ip)
}

// ARPFields is an ARP message. SPA and TPA are IPv4.
type ARPFields struct {
	Op       uint16
	SHA, THA MAC
	SPA, TPA netip.Addr
}

// Encode writes the message, ARPLen bytes, into the beginning of b.
func (f ARPFields) Encode(b []byte) ARP {
	a := ARP(b[:ARPLen])
	be.PutUint64(a, arpFormat<<16|uint64(f.Op))
	a.SetSender(f.SHA, f.SPA)
	a.SetTarget(f.THA, f.TPA)
	return a
}
