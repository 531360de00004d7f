package frame

// Views of a parsed frame. Each needs that Parse accepted the frame and that
// Info says so: the flag for L3, L4 != 0 and Proto for L4. They begin at the
// header and end with the packet, without Ethernet padding. The bytes are
// borrowed, as with Bytes.

// Ethernet returns the whole frame.
func (f *Frame) Ethernet() Ethernet { return Ethernet(f.Bytes()) }

// ARP returns the message of a frame with FlagARP.
func (f *Frame) ARP() ARP { return ARP(f.span(f.L3)) }

// IPv4 returns the packet of a frame with FlagIPv4.
func (f *Frame) IPv4() IPv4 { return IPv4(f.span(f.L3)) }

// IPv6 returns the packet of a frame with FlagIPv6.
func (f *Frame) IPv6() IPv6 { return IPv6(f.span(f.L3)) }

// TCP returns the segment of a frame with L4 and ProtoTCP.
func (f *Frame) TCP() TCP { return TCP(f.span(f.L4)) }

// UDP returns the datagram of a frame with L4 and ProtoUDP; of a first fragment,
// what there is of it, which is not Valid by its length.
func (f *Frame) UDP() UDP { return UDP(f.span(f.L4)) }

// ICMPv4 returns the message of a frame with L4 and ProtoICMP.
func (f *Frame) ICMPv4() ICMPv4 { return ICMPv4(f.span(f.L4)) }

// ICMPv6 returns the message of a frame with L4 and ProtoICMPv6.
func (f *Frame) ICMPv6() ICMPv6 { return ICMPv6(f.span(f.L4)) }

// span returns the frame's bytes from offset at to the end of the packet.
func (f *Frame) span(at uint16) []byte {
	b := f.Bytes()
	return b[at : uint32(f.L3)+f.L3Len]
}
