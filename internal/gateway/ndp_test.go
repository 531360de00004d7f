package gateway

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// nodeGroup returns the solicited-node group of an address.
func nodeGroup(a netip.Addr) netip.Addr {
	b, g := a.As16(), ip("ff02::1:ff00:0").As16()
	copy(g[13:], b[13:])
	return netip.AddrFrom16(g)
}

func groupMAC(a netip.Addr) frame.MAC {
	b := a.As16()
	return 0x3333<<32 | frame.MACFrom(b[10:])&0xffffffff
}

// ndp is a message of neighbour discovery with hop limit hops.
func ndp(hops uint8, src, dst netip.Addr, typ uint8, body gopacket.SerializableLayer) []byte {
	mac := gwMAC
	if dst.IsMulticast() {
		mac = groupMAC(dst)
	}
	return packetTo(mac, src, dst, hops, layers.IPProtocolICMPv6,
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}, body)
}

func sourceOption(mac frame.MAC) layers.ICMPv6Options {
	return layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: mac.HardwareAddr()}}
}

// solicitation asks for target; mac 0 leaves the source's option out.
func solicitation(src, dst, target netip.Addr, mac frame.MAC) []byte {
	body := &layers.ICMPv6NeighborSolicitation{TargetAddress: target.AsSlice()}
	if mac != 0 {
		body.Options = sourceOption(mac)
	}
	return ndp(255, src, dst, 135, body)
}

// asks is the usual way to ask.
func asks(target netip.Addr) []byte { return solicitation(ask6, nodeGroup(target), target, askMAC) }

// detects is duplicate address detection.
func detects(target netip.Addr) []byte {
	return solicitation(netip.IPv6Unspecified(), nodeGroup(target), target, 0)
}

func TestSolicitations(t *testing.T) {
	const R, S, O = 0x80, 0x40, 0x20
	for _, c := range []struct {
		name  string
		b     []byte
		noICC bool
		says  frame.MAC // 0: no answer
		flags uint8
		to    netip.Addr
	}{
		{"the gateway", asks(gw6), false, gwMAC, R | S | O, ask6},
		{"its link-local address", asks(gwLL), false, gwMAC, R | S | O, ask6},
		{"from a link-local address", solicitation(askLL, nodeGroup(gw6), gw6, askMAC), false, gwMAC, R | S | O, askLL},
		{"whether it is still there", solicitation(ask6, gw6, gw6, 0), false, gwMAC, R | S | O, ask6},
		{"a neighbour", asks(next6), false, nextMAC, S | O, ask6},
		{"a neighbour's link-local address", asks(frame.LinkLocalAddr(nextMAC)), false, nextMAC, S | O, ask6},
		{"nobody", asks(ip("fd00:a::99")), false, 0, 0, ask6},
		{"oneself", asks(ask6), false, 0, 0, ask6},
		{"duplicate detection of the gateway's", detects(gw6), false, gwMAC, R | O, allNodes},
		{"duplicate detection of a neighbour's", detects(next6), false, nextMAC, O, allNodes},
		{"duplicate detection of one's own", detects(ask6), false, 0, 0, allNodes},
		{"a neighbour, without ICC", asks(next6), true, gwMAC, S, ask6},
		{"whether it is still there, without ICC", solicitation(ask6, next6, next6, 0), true, gwMAC, S, ask6},
		{"the gateway, without ICC", asks(gw6), true, gwMAC, R | S | O, ask6},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.NoICC = c.noICC })
			if c.says == 0 {
				r.want(c.b, frame.Consumed, 0)
				return
			}
			p := r.answer(c.b, frame.Consumed)
			asked := judge(t, c.b).Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
			eth, v6 := p.LinkLayer().(*layers.Ethernet), p.NetworkLayer().(*layers.IPv6)
			na := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
			if macOf(eth.DstMAC) != askMAC || macOf(eth.SrcMAC) != gwMAC || v6.HopLimit != 255 {
				t.Errorf("from %v to %v, hop limit %d", eth.SrcMAC, eth.DstMAC, v6.HopLimit)
			}
			if addrOf(v6.DstIP) != c.to || addrOf(v6.SrcIP) != addrOf(asked.TargetAddress) || na.Flags != c.flags {
				t.Errorf("from %v to %v with flags %#x, want %#x to %v", v6.SrcIP, v6.DstIP, na.Flags, c.flags, c.to)
			}
			if addrOf(na.TargetAddress) != addrOf(asked.TargetAddress) || len(na.Options) != 1 ||
				na.Options[0].Type != layers.ICMPv6OptTargetAddress || macOf(na.Options[0].Data) != c.says {
				t.Errorf("says %v, %v; want %v", na.TargetAddress, na.Options, c.says)
			}
		})
	}
}

// refill makes the checksum of an ICMPv6 frame without extension headers right.
func refill(b []byte) []byte {
	v6 := frame.IPv6(b[frame.EthernetLen:])
	m := frame.ICMPv6(v6.Payload())
	m.FillChecksum(v6.PseudoSum(frame.ProtoICMPv6, len(m)))
	return b
}

// TestMalformedNDP: what RFC 4861, sections 6.1 and 7.1, wants ignored.
func TestMalformedNDP(t *testing.T) {
	const icmp, hops = frame.EthernetLen + frame.IPv6Len, frame.EthernetLen + 7
	routers := ip("ff02::2")
	rs := func(hops uint8, src netip.Addr, mac frame.MAC) []byte {
		body := &layers.ICMPv6RouterSolicitation{}
		if mac != 0 {
			body.Options = sourceOption(mac)
		}
		return ndp(hops, src, routers, 133, body)
	}
	short := asks(gw6)[:icmp+16]
	short[frame.EthernetLen+5] = 16
	for _, c := range []struct {
		name   string
		b      []byte
		reason frame.Reason
	}{
		{"it came through a router", poked(asks(gw6), hops, 254), frame.DropServiceMessage},
		{"a code", refill(poked(asks(gw6), icmp+1, 1)), frame.DropServiceMessage},
		{"a wrong checksum", poked(asks(gw6), icmp+2, 0, 0), frame.DropServiceMessage},
		{"a group as target", refill(poked(asks(gw6), icmp+8, 0xff)), frame.DropServiceMessage},
		{"an option of length 0", refill(poked(asks(gw6), icmp+25, 0)), frame.DropServiceMessage},
		{"an option that is longer than the message", refill(poked(asks(gw6), icmp+25, 2)), frame.DropServiceMessage},
		{"no target", refill(short), frame.DropServiceMessage},
		{"detection with a source address option", solicitation(netip.IPv6Unspecified(), nodeGroup(gw6), gw6, askMAC), frame.DropServiceMessage},
		{"detection, not to the node's group", solicitation(netip.IPv6Unspecified(), allNodes, gw6, 0), frame.DropServiceMessage},
		{"from a group", solicitation(ip("ff02::5"), nodeGroup(gw6), gw6, askMAC), frame.DropGatewaySource},
		{"from loopback", solicitation(netip.IPv6Loopback(), nodeGroup(gw6), gw6, askMAC), frame.DropGatewaySource},
		{"a router solicitation through a router", rs(64, askLL, askMAC), frame.DropServiceMessage},
		{"one from nobody with an address", rs(255, netip.IPv6Unspecified(), askMAC), frame.DropServiceMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.RouterSolicit = refuser{t} })
			r.want(c.b, c.reason, 0)
		})
	}
}

// TestFragmentedNDP: neighbour discovery does not come in fragments (RFC 6980).
func TestFragmentedNDP(t *testing.T) {
	whole := asks(gw6)
	ext := []byte{frame.ProtoICMPv6, 0, 0, 1, 0, 0, 0, 9} // first fragment, more to come
	b := append(append(whole[:frame.EthernetLen+frame.IPv6Len:frame.EthernetLen+frame.IPv6Len], ext...), whole[frame.EthernetLen+frame.IPv6Len:]...)
	v6 := frame.IPv6(b[frame.EthernetLen:])
	v6.SetPayloadLen(v6.PayloadLen() + len(ext))
	b[frame.EthernetLen+6] = 44
	newRig(t, nil).want(b, frame.DropServiceMessage, 0)
}

// TestOtherDiscovery: advertisements, redirects, router advertisements and MLD
// end in silence.
func TestOtherDiscovery(t *testing.T) {
	r := newRig(t, nil)
	r.want(ndp(255, ask6, allNodes, 136, &layers.ICMPv6NeighborAdvertisement{TargetAddress: ask6.AsSlice()}), frame.Consumed, 0)
	r.want(ndp(255, askLL, allNodes, 134, &layers.ICMPv6RouterAdvertisement{}), frame.Consumed, 0)
	r.want(ndp(255, askLL, gw6, 137, &layers.ICMPv6Redirect{TargetAddress: ask6.AsSlice(), DestinationAddress: ask6.AsSlice()}), frame.Consumed, 0)
	r.want(ndp(1, askLL, ip("ff02::16"), 143, gopacket.Payload(make([]byte, 24))), frame.Consumed, 0)
	r.want(ndp(255, askLL, ip("ff02::2"), 133, &layers.ICMPv6RouterSolicitation{}), frame.Consumed, 0)
}
