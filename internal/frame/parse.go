package frame

// One parse a frame
//
// Every frame is parsed once, when it enters. Parse walks Ethernet, up to two
// VLAN tags, ARP or IP with IPv6 extension headers, and stops at the transport
// header; it checks what later stages rely on, so that they may index a header
// that Info points to without checking again:
//
//	L3 set + FlagARP    28 bytes of Ethernet and IPv4 ARP
//	L3 set + FlagIPv4   the IPv4 header with options; L3Len bytes are there
//	L3 set + FlagIPv6   the IPv6 header; L3Len bytes are there
//	L4 set              the transport header of Proto, TCP with its options
//
// What is not checked is what a switch does not need: checksums, addresses,
// options. An unknown EtherType and an 802.3 length are no fault; such a frame
// is switched by its addresses.
//
// A super-frame from a port with offloads is an ordinary frame here: its IP and
// UDP lengths speak of the whole of it.

// Flags of Info.
const (
	// FlagIPv4, FlagIPv6 and FlagARP say what the frame carries.
	FlagIPv4 = 1 << iota
	FlagIPv6
	FlagARP
	// FlagFragment marks any IP fragment, FlagLaterFragment one that does not
	// begin with the transport header. An atomic fragment (RFC 6946) is whole
	// and is not marked.
	FlagFragment
	FlagLaterFragment
)

// Info is what one parse of a frame finds. Every stage shares it; a stage that
// edits headers keeps it true. Offsets count from the first byte of the Ethernet
// header.
type Info struct {
	Dst, Src MAC
	// EtherType is the type after all VLAN tags; below 0x600 it is an 802.3 length.
	EtherType uint16
	// TCI is the outermost VLAN tag's control word (PCP, DEI, VID); see Tags.
	TCI uint16
	// Tags counts VLAN tags, 0 to 2.
	Tags uint8
	// Proto is the transport protocol, after IPv6 extension headers. In a later
	// fragment it is what the fragment header names.
	Proto uint8
	Flags uint8
	// L3 is the offset of what follows the EtherType.
	L3 uint16
	// L4 is the offset of the transport header; 0 when there is none to read: not
	// IP, a later fragment, a first fragment too short for it, a protocol other
	// than TCP, UDP, ICMP in IPv4 and ICMPv6 in IPv6.
	L4 uint16
	// L3Len is the length of the IP packet by its own header, or of the ARP
	// message; what follows it in the frame is Ethernet padding. For a super-frame
	// it is the whole length. It is 0 for everything else.
	L3Len uint32
}

// VID returns the VLAN of the outermost tag; 0 for an untagged or a
// priority-tagged frame.
func (i *Info) VID() uint16 { return i.TCI & tciVID }

// Parse fills f.Info from the frame's bytes, whatever was there before, and says
// whether the frame may go on. It leaves f.Verdict alone. See the function Parse.
func (f *Frame) Parse() Reason {
	if f.Len > MaxFrame {
		f.Info = Info{}
		return DropOversize
	}
	return Parse(f.Bytes(), &f.Info)
}

// Parse fills info from a frame that begins at b[0], whatever was in info before.
// It returns Accepted, or the reason for which the frame ends here; info then
// holds what was found before the fault. It never allocates, never panics and
// keeps nothing of b.
func Parse(b []byte, info *Info) Reason {
	*info = Info{}
	if len(b) < EthernetLen {
		return DropRunt
	}
	if len(b) > MaxFrame {
		return DropOversize
	}
	e := Ethernet(b)
	info.Dst, info.Src = e.Dst(), e.Src()
	info.EtherType, info.L3 = e.EtherType(), EthernetLen
	if isTPID(info.EtherType) && !info.tags(b) {
		return DropTags
	}
	switch info.EtherType {
	case TypeIPv4:
		return info.ipv4(b[info.L3:])
	case TypeIPv6:
		return info.ipv6(b[info.L3:])
	case TypeARP:
		return info.arp(b[info.L3:])
	}
	return Accepted
}

// tags walks the VLAN tags of b. It is false for a tag that the frame cuts off
// and for a third one.
func (i *Info) tags(b []byte) bool {
	for at := ethType; isTPID(i.EtherType); at += TagLen {
		tag := VLAN(b[at:])
		if i.Tags == 2 || !tag.Valid() {
			return false
		}
		if i.Tags == 0 {
			i.TCI = tag.TCI()
		}
		i.Tags++
		i.EtherType = tag.Next()
		i.L3 += TagLen
	}
	return true
}

func (i *Info) arp(b []byte) Reason {
	if !ARP(b).Valid() {
		return DropARP
	}
	i.Flags, i.L3Len = FlagARP, ARPLen
	return Accepted
}
