package frame

import (
	"encoding/binary"
	"fmt"
	"net"
)

// MAC is a 48-bit Ethernet address in the low bits of a word, first byte on the
// wire highest: it compares, hashes and packs into table keys without a loop.
type MAC uint64

// Broadcast is ff:ff:ff:ff:ff:ff.
const Broadcast MAC = 0xffffffffffff

// MACFrom reads an address from the first six bytes of b.
func MACFrom(b []byte) MAC {
	return MAC(binary.BigEndian.Uint32(b))<<16 | MAC(binary.BigEndian.Uint16(b[4:6]))
}

// ParseMAC reads the usual text forms of a 48-bit address.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil {
		return 0, err
	}
	if len(hw) != 6 {
		return 0, fmt.Errorf("address %s: %d bytes, want 6", s, len(hw))
	}
	return MACFrom(hw), nil
}

// Put writes the address into the first six bytes of b.
func (m MAC) Put(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(m>>16))
	binary.BigEndian.PutUint16(b[4:6], uint16(m))
}

// Group reports whether the address is multicast or broadcast (I/G bit).
func (m MAC) Group() bool { return m>>40&1 != 0 }

// LinkLocal reports whether the address is one that a bridge never forwards:
// 01:80:c2:00:00:00 to 0f (IEEE 802.1Q-2022, table 8-1).
func (m MAC) LinkLocal() bool { return m>>4 == 0x0180c200000 }

// HardwareAddr returns the address in the form of package net.
func (m MAC) HardwareAddr() net.HardwareAddr {
	hw := make(net.HardwareAddr, 6)
	m.Put(hw)
	return hw
}

// String returns the address as aa:bb:cc:dd:ee:ff.
func (m MAC) String() string { return m.HardwareAddr().String() }
