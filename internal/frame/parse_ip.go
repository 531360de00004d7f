package frame

// maxExtensions is how many IPv6 extension headers a packet may have. RFC 8200
// recommends an order in which seven occur, one of them twice.
const maxExtensions = 8

// ipv4 parses the packet at the beginning of b; Ethernet padding may follow it.
func (i *Info) ipv4(b []byte) Reason {
	p := IPv4(b)
	if !p.Valid() {
		return DropIPv4
	}
	n, hdr := p.TotalLen(), p.HeaderLen()
	i.Flags, i.L3Len, i.Proto = FlagIPv4, uint32(n), p.Proto()
	if frag := p.fragment(); frag != 0 {
		i.Flags |= FlagFragment
		if frag&ipv4Offset != 0 {
			i.Flags |= FlagLaterFragment
			return Accepted
		}
	}
	return i.transport(b[hdr:n], hdr)
}

// ipv6 parses the packet at the beginning of b; Ethernet padding may follow it.
//
// A payload length of 0 means just that, an empty packet. It would stand for a
// longer packet in a jumbogram (RFC 2675) and in the kernel's BIG TCP, but those
// have more than 65,535 bytes of payload and thus exceed MaxFrame; whatever claims to be
// one here has a header that does not fit its packet.
func (i *Info) ipv6(b []byte) Reason {
	p := IPv6(b)
	if !p.Valid() {
		return DropIPv6
	}
	n := IPv6Len + p.PayloadLen()
	i.Flags, i.L3Len, i.Proto = FlagIPv6, uint32(n), p.NextHeader()
	switch i.Proto {
	case ProtoTCP, ProtoUDP, ProtoICMPv6:
		return i.transport(b[IPv6Len:n], IPv6Len)
	}
	return i.extensions(b[:n])
}

// extensions walks the extension headers of packet p to what follows them.
func (i *Info) extensions(p []byte) Reason {
	off := IPv6Len
	for count := 0; ; count++ {
		size, ok := extensionLen(i.Proto, p[off:])
		if !ok {
			return i.transport(p[off:], off)
		}
		misplaced := i.Proto == extHopByHop && count > 0
		if misplaced || count == maxExtensions || size == 0 || size > len(p)-off {
			return DropIPv6
		}
		hdr := p[off : off+size]
		if i.Proto == extFragment {
			i.fragment6(be.Uint16(hdr[2:4]))
		}
		i.Proto = hdr[0]
		if i.Flags&FlagLaterFragment != 0 {
			return Accepted
		}
		off += size
	}
}

// fragment6 takes in the offset and the M flag of a fragment header (RFC 8200,
// section 4.5).
func (i *Info) fragment6(word uint16) {
	const offset, more = 0xfff8, 1
	if word&(offset|more) != 0 {
		i.Flags |= FlagFragment
	}
	if word&offset != 0 {
		i.Flags |= FlagLaterFragment
	}
}

// extensionLen returns the length in bytes of the extension header of type typ
// at the beginning of b, which may exceed b; 0 if b is too short to tell. It is
// not ok if typ is no extension header.
func extensionLen(typ uint8, b []byte) (size int, ok bool) {
	switch typ {
	case extHopByHop, extRouting, extDstOpts, extAuth, extFragment:
	default:
		return 0, false
	}
	switch {
	case len(b) < 8:
		return 0, true
	case typ == extFragment:
		return 8, true
	case typ == extAuth:
		return (int(b[1]) + 2) * 4, true // RFC 4302, section 2.2
	}
	return (int(b[1]) + 1) * 8, true
}

// transport checks the header of i.Proto at the beginning of p, which is off
// bytes into the packet. The header of a first fragment may be cut off, and its
// UDP length counts later fragments too.
func (i *Info) transport(p []byte, off int) Reason {
	ok, fragment := false, i.Flags&FlagFragment != 0
	switch {
	case i.Proto == ProtoTCP:
		ok = TCP(p).Valid()
	case i.Proto == ProtoUDP:
		ok = UDP(p).Valid() || fragment && UDP(p).validFirst()
	case i.Proto == ProtoICMP && i.Flags&FlagIPv4 != 0:
		ok = ICMPv4(p).Valid()
	case i.Proto == ProtoICMPv6 && i.Flags&FlagIPv6 != 0:
		ok = ICMPv6(p).Valid()
	default:
		return Accepted
	}
	if ok {
		i.L4 = i.L3 + uint16(off)
	} else if !fragment {
		return DropTransport
	}
	return Accepted
}
