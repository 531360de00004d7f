package bench

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Types of DHCP messages (RFC 2132, section 9.6).
const (
	dhcpDiscover  = 1
	dhcpOfferKind = 2
	dhcpRequest   = 3
	dhcpAckKind   = 5
	dhcpNak       = 6
)

// Options (RFC 2132, sections 3 and 9) and the fixed part of a message (RFC 2131,
// section 2): where the fields begin, and how long it is with its magic cookie.
const (
	dhcpOptionPad    = 0
	dhcpOptionAddr   = 50
	dhcpOptionType   = 53
	dhcpOptionServer = 54
	dhcpOptionEnd    = 255

	dhcpXID, dhcpFlags, dhcpYours, dhcpHardware = 4, 10, 16, 28

	dhcpCookie = 236
	dhcpFixed  = 240
	dhcpLeast  = 300 // of BOOTP; relays drop what is shorter (RFC 1542, section 2.1)
)

var dhcpMagic = [4]byte{99, 130, 83, 99}

// dhcpQuestion is a message of a client.
type dhcpQuestion struct {
	kind byte
	xid  uint32
	mac  net.HardwareAddr
	// addr and server are those of the offer that is taken; else invalid.
	addr, server netip.Addr
}

// message asks for an answer to everybody: the client does not use its address.
func (q dhcpQuestion) message() []byte {
	b := make([]byte, dhcpFixed, dhcpLeast)
	b[0], b[1], b[2] = 1, 1, 6 // BOOTREQUEST, Ethernet, length of its addresses
	binary.BigEndian.PutUint32(b[dhcpXID:], q.xid)
	b[dhcpFlags] = 0x80
	copy(b[dhcpHardware:], q.mac)
	copy(b[dhcpCookie:], dhcpMagic[:])
	b = append(b, dhcpOptionType, 1, q.kind)
	for _, o := range []struct {
		code byte
		addr netip.Addr
	}{{dhcpOptionAddr, q.addr}, {dhcpOptionServer, q.server}} {
		if o.addr.IsValid() {
			b = append(append(b, o.code, 4), o.addr.AsSlice()...)
		}
	}
	return append(b, dhcpOptionEnd)[:dhcpLeast]
}

// dhcpAnswer is what a client needs of a server's message.
type dhcpAnswer struct {
	kind         byte
	xid          uint32
	addr, server netip.Addr
}

// parseDHCP reads a server's message. False: it is none, or has no type.
func parseDHCP(b []byte) (a dhcpAnswer, ok bool) {
	if len(b) < dhcpFixed || b[0] != 2 || [4]byte(b[dhcpCookie:]) != dhcpMagic {
		return a, false
	}
	a.xid = binary.BigEndian.Uint32(b[dhcpXID:])
	a.addr = netip.AddrFrom4([4]byte(b[dhcpYours:]))
	for o := b[dhcpFixed:]; len(o) > 0 && o[0] != dhcpOptionEnd; {
		if o[0] == dhcpOptionPad {
			o = o[1:]
			continue
		}
		if len(o) < 2 || len(o) < 2+int(o[1]) {
			return a, false
		}
		value := o[2 : 2+int(o[1])]
		switch {
		case o[0] == dhcpOptionType && len(value) == 1:
			a.kind = value[0]
		case o[0] == dhcpOptionServer && len(value) == 4:
			a.server = netip.AddrFrom4([4]byte(value))
		}
		o = o[2+len(value):]
	}
	return a, a.kind != 0
}
