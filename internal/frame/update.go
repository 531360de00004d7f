package frame

// Incremental update
//
// A checksum field HC over data in which m becomes m' becomes
// HC' = ~(~HC + ~m + m') (RFC 1624, equation 3). The result is the one that a
// sum over everything gives, also where it is 0, except over all-zero data.
//
// A partial checksum field holds a sum that is not inverted, over the pseudo
// header only; the device behind (or offload) adds the rest and inverts. Such a
// field follows a change of the pseudo header in the other sense, S' = S + ~m +
// m', and does not follow a change of the transport header at all.

// Coverage says what the checksum field of a transport header holds.
type Coverage uint8

const (
	// Complete: the inverted sum of pseudo header, header and payload, as on the
	// wire.
	Complete Coverage = iota
	// Partial: the folded sum of the pseudo header, as in a frame whose virtio
	// header says NEEDS_CSUM.
	Partial
)

// Update16 returns checksum field check after a 16-bit word at an even offset
// went from old to new.
func Update16(check, old, new uint16) uint16 { return ^Adjust16(^check, old, new) }

// Update32 is Update16 for a 32-bit value.
func Update32(check uint16, old, new uint32) uint16 { return ^Adjust32(^check, old, new) }

// Update128 is Update16 for an IPv6 address.
func Update128(check uint16, old, new [16]byte) uint16 { return ^Adjust128(^check, old, new) }

// Adjust16 returns sum, which is not inverted, after a 16-bit word at an even
// offset went from old to new.
func Adjust16(sum, old, new uint16) uint16 {
	return Fold(uint32(sum) + uint32(^old) + uint32(new))
}

// Adjust32 is Adjust16 for a 32-bit value.
func Adjust32(sum uint16, old, new uint32) uint16 {
	return Fold(uint32(sum) + sum32(^old) + sum32(new))
}

// Adjust128 is Adjust16 for an IPv6 address.
func Adjust128(sum uint16, old, new [16]byte) uint16 {
	// Eight words of 0xffff minus a sum of eight words is the sum of their inverses.
	return Fold(uint32(sum) + 8*0xffff - sum128(&old) + sum128(&new))
}

// replace4 returns field after an address of the pseudo header changed.
func (c Coverage) replace4(field uint16, old, new uint32) uint16 {
	if c == Partial {
		return Adjust32(field, old, new)
	}
	return Update32(field, old, new)
}

// replace16 is replace4 for IPv6.
func (c Coverage) replace16(field uint16, old, new [16]byte) uint16 {
	if c == Partial {
		return Adjust128(field, old, new)
	}
	return Update128(field, old, new)
}

// replaceWord returns field after a word of the transport header changed.
func (c Coverage) replaceWord(field, old, new uint16) uint16 {
	if c == Partial {
		return field
	}
	return Update16(field, old, new)
}
