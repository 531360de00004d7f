package gateway

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// arpRequest is one from hw, in a frame from askMAC.
func arpRequest(op uint16, hw frame.MAC, spa, tpa netip.Addr) []byte {
	return serialize(ether(frame.Broadcast, layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: op, SourceHwAddress: hw.HardwareAddr(), SourceProtAddress: spa.AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: tpa.AsSlice(),
	})
}

func TestARP(t *testing.T) {
	none := netip.IPv4Unspecified()
	for _, c := range []struct {
		name   string
		b      []byte
		noICC  bool
		says   frame.MAC // 0: no answer
		reason frame.Reason
	}{
		{"the gateway", arpRequest(1, askMAC, ask4, gw4), false, gwMAC, frame.Consumed},
		{"a probe for the gateway's address", arpRequest(1, askMAC, none, gw4), false, gwMAC, frame.Consumed},
		{"somebody announces the gateway's address", arpRequest(1, askMAC, gw4, gw4), false, gwMAC, frame.Consumed},
		{"a neighbour", arpRequest(1, askMAC, ask4, next4), false, nextMAC, frame.Consumed},
		{"a probe for a neighbour's address", arpRequest(1, askMAC, none, next4), false, nextMAC, frame.Consumed},
		{"a probe for one's own", arpRequest(1, askMAC, none, ask4), false, 0, frame.Consumed},
		{"an announcement of one's own", arpRequest(1, askMAC, ask4, ask4), false, 0, frame.Consumed},
		{"one's own, with another hardware address inside", arpRequest(1, nextMAC, ask4, ask4), false, 0, frame.Consumed},
		{"nobody", arpRequest(1, askMAC, ask4, ip("10.0.0.99")), false, 0, frame.Consumed},
		{"another network's gateway", arpRequest(1, askMAC, ask4, b4), false, 0, frame.Consumed},
		{"a reply", arpRequest(2, askMAC, ask4, gw4), false, 0, frame.Consumed},
		{"a group asks", arpRequest(1, 0x01005e000001, ask4, gw4), false, 0, frame.DropServiceMessage},
		{"nobody asks", arpRequest(1, 0, ask4, gw4), false, 0, frame.DropServiceMessage},
		{"a neighbour, without ICC", arpRequest(1, askMAC, ask4, next4), true, gwMAC, frame.Consumed},
		{"a probe for a neighbour's, without ICC", arpRequest(1, askMAC, none, next4), true, gwMAC, frame.Consumed},
		{"a probe for one's own, without ICC", arpRequest(1, askMAC, none, ask4), true, 0, frame.Consumed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.NoICC = c.noICC })
			if c.says == 0 {
				r.want(c.b, c.reason, 0)
				return
			}
			p := r.answer(c.b, c.reason)
			asked := judge(t, c.b).Layer(layers.LayerTypeARP).(*layers.ARP)
			eth, arp := p.LinkLayer().(*layers.Ethernet), p.Layer(layers.LayerTypeARP).(*layers.ARP)
			if macOf(eth.DstMAC) != askMAC || macOf(eth.SrcMAC) != gwMAC || arp.Operation != layers.ARPReply {
				t.Errorf("from %v to %v, operation %d", eth.SrcMAC, eth.DstMAC, arp.Operation)
			}
			if macOf(arp.SourceHwAddress) != c.says || addrOf(arp.SourceProtAddress) != addrOf(asked.DstProtAddress) {
				t.Errorf("says %v is at %x", arp.SourceProtAddress, arp.SourceHwAddress)
			}
			if macOf(arp.DstHwAddress) != macOf(asked.SourceHwAddress) || addrOf(arp.DstProtAddress) != addrOf(asked.SourceProtAddress) {
				t.Errorf("says so to %v at %x", arp.DstProtAddress, arp.DstHwAddress)
			}
		})
	}
}

// TestNotForTheGateway: frames that the switch floods, and those that no station
// can have sent.
func TestNotForTheGateway(t *testing.T) {
	request := ping(ask4, gw4, nil)
	tagged := serialize(ether(gwMAC, layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Type: 0x88b5})
	for _, c := range []struct {
		name   string
		b      []byte
		reason frame.Reason
	}{
		{"to another station", poked(request, 5, 0x77), frame.Consumed},
		{"IPv4 to an address, in a frame to all", poked(request, 0, 255, 255, 255, 255, 255, 255), frame.Consumed},
		{"from the gateway itself", poked(request, 11, 1), frame.DropGatewaySource},
		{"from a group", poked(request, 6, 1), frame.DropGatewaySource},
		{"from nobody", poked(request, 6, 0, 0, 0, 0, 0, 0), frame.DropGatewaySource},
		{"tagged", tagged, frame.DropGatewayHeader},
		{"another type", serialize(ether(gwMAC, 0x88b5)), frame.DropNoService},
		{"another type to all", serialize(ether(frame.Broadcast, 0x88b5)), frame.Consumed},
	} {
		t.Run(c.name, func(t *testing.T) { newRig(t, nil).want(c.b, c.reason, 0) })
	}
}
