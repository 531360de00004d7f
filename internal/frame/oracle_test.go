package frame

import (
	"unsafe"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// oracle is what gopacket reads from a frame, layer by layer, up to where it
// gives up: a nil field was not reached.
type oracle struct {
	base  *byte
	eth   *layers.Ethernet
	tags  []*layers.Dot1Q
	arp   *layers.ARP
	ip4   *layers.IPv4
	ip6   *layers.IPv6
	trans gopacket.Layer
	// truncated says that some length spoke of more bytes than there are.
	truncated bool
}

func newOracle(b []byte) *oracle {
	if len(b) == 0 {
		return &oracle{}
	}
	pkt := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	o := &oracle{base: unsafe.SliceData(b), truncated: pkt.Metadata().Truncated}
	for _, l := range pkt.Layers() {
		if refused(l) || !o.take(l) {
			break
		}
	}
	return o
}

// refused reports whether gopacket gave up in this layer: it lists it all the same.
func refused(l gopacket.Layer) bool {
	switch l := l.(type) {
	case *layers.IPv4:
		return l.IHL < 5 || int(l.IHL)*4 > int(l.Length)
	case *layers.TCP:
		return len(l.Contents) == 0
	case *layers.UDP:
		return l.Length != 0 && l.Length < UDPLen
	}
	return false
}

// take notes one layer and says whether the ones above it may still be of the
// frame itself, not of something that it carries.
func (o *oracle) take(l gopacket.Layer) bool {
	switch l := l.(type) {
	case *layers.Ethernet:
		o.eth = l
	case *layers.Dot1Q:
		o.tags = append(o.tags, l)
	case *layers.ARP:
		o.arp = l
	case *layers.IPv4:
		if o.ip4 != nil || o.ip6 != nil {
			return false
		}
		o.ip4 = l
	case *layers.IPv6:
		if o.ip4 != nil || o.ip6 != nil {
			return false
		}
		o.ip6 = l
	case *layers.IPv6HopByHop, *layers.IPv6Routing, *layers.IPv6Destination:
		return o.ip6 != nil // in IPv4 they mean nothing
	case *layers.TCP, *layers.UDP, *layers.ICMPv4, *layers.ICMPv6:
		o.trans = l
		return false
	default:
		return false
	}
	return true
}

// at returns where a layer begins in the frame.
func (o *oracle) at(l gopacket.Layer) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(l.LayerContents()))) - uintptr(unsafe.Pointer(o.base)))
}
