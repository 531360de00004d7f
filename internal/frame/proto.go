package frame

import "encoding/binary"

// be is the byte order of every field on the wire.
var be = binary.BigEndian

// EtherTypes that the switch tells apart (IEEE 802 numbers registry).
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeIPv6 = 0x86dd
	// TypeVLAN and TypeQinQ are the tag types of 802.1Q and 802.1ad; TypeQinQOld
	// is what equipment from before 802.1ad writes for the outer of two tags.
	TypeVLAN    = 0x8100
	TypeQinQ    = 0x88a8
	TypeQinQOld = 0x9100
	// TypeMin is the lowest EtherType; a smaller number is an 802.3 length.
	TypeMin = 0x0600
)

// Protocol numbers (IANA "Assigned Internet Protocol Numbers").
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
	ProtoNoNext = 59
)

// IPv6 extension headers that the parse walks over (RFC 8200, section 4).
const (
	extHopByHop = 0
	extRouting  = 43
	extFragment = 44
	extAuth     = 51
	extDstOpts  = 60
)

// isTPID reports whether an EtherType announces a VLAN tag.
func isTPID(typ uint16) bool {
	return typ == TypeVLAN || typ == TypeQinQ || typ == TypeQinQOld
}
