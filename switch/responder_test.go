package vswitch

import (
	"net/netip"
	"slices"
	"testing"

	"vswitch/internal/frame"
)

// The ports of responderRig: two stations, the gateway, a trunk.
const (
	stationX = iota
	stationY
	gateway
	trunkPort
)

var (
	known4, known6     = netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fd00::7")
	unknown4, unknown6 = netip.MustParseAddr("10.0.0.99"), netip.MustParseAddr("fd00::99")
)

func knows(known ...netip.Addr) func(netip.Addr) bool {
	return func(a netip.Addr) bool { return slices.Contains(known, a) }
}

// responderRig is a switch whose gateway knows two addresses.
func responderRig(t testing.TB, edit func(ports []PortConfig)) *rig {
	t.Helper()
	ports := []PortConfig{{}, {}, {}, {VLAN: VLANConfig{Trunk: []uint16{1, 2}}}}
	if edit != nil {
		edit(ports)
	}
	r := newRig(t, Config{}, ports...)
	r.sw.SetResponder(&Responder{Port: gateway, Knows: knows(known4, known6)})
	return r
}

// ask is an ARP message that asks for target.
func ask(dst frame.MAC, op uint16, spa, target netip.Addr, tags ...uint16) []byte {
	b := make([]byte, frame.ARPLen)
	frame.ARPFields{Op: op, SHA: macA, SPA: spa, TPA: target}.Encode(b)
	return ether(dst, macA, frame.TypeARP, b, tags...)
}

// solicit is a neighbour solicitation.
func solicit(dst frame.MAC, src, target netip.Addr) []byte {
	m := icmp6(frame.ICMPv6NeighborSol, 24, target)
	return ether(dst, macA, frame.TypeIPv6, ip6(src, frame.ProtoICMPv6, nil, m))
}

func TestResponder(t *testing.T) {
	const all, only, request = "1 2 3/1", "2", frame.ARPRequest
	cut := icmp6(frame.ICMPv6NeighborSol, 16, known6)
	frag := fragment6(frame.ProtoICMPv6, 0, true)
	ns := icmp6(frame.ICMPv6NeighborSol, 24, known6)
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"request", ask(frame.Broadcast, request, ip4A, known4), only},
		{"request behind a priority tag", ask(frame.Broadcast, request, ip4A, known4, 5<<13), only},
		{"probe", ask(frame.Broadcast, request, any4, known4), only},
		{"request for a station that it does not know", ask(frame.Broadcast, request, ip4A, unknown4), all},
		{"announcement", ask(frame.Broadcast, request, known4, known4), all},
		{"reply to all", ask(frame.Broadcast, frame.ARPReply, ip4A, known4), all},
		{"request to a group", ask(groupIP6, request, ip4A, known4), all},
		{"request to one station", ask(macB, request, ip4A, known4), "1"},
		{"request to one that nobody knows", ask(macD, request, ip4A, known4), all},
		{"solicitation", solicit(groupIP6, ip6A, known6), only},
		{"duplicate detection", solicit(groupIP6, any6, known6), only},
		{"solicitation of a station that it does not know", solicit(groupIP6, ip6A, unknown6), all},
		{"solicitation to one station", solicit(macB, ip6A, known6), "1"},
		{"solicitation, cut off", ether(groupIP6, macA, frame.TypeIPv6, ip6(ip6A, frame.ProtoICMPv6, nil, cut)), all},
		{"solicitation in fragments", ether(groupIP6, macA, frame.TypeIPv6, ip6(ip6A, 44, frag, ns)), all},
		{"advertisement", ether(groupIP6, macA, frame.TypeIPv6,
			ip6(ip6A, frame.ProtoICMPv6, nil, icmp6(frame.ICMPv6NeighborAdv, 24, known6))), all},
		{"anything else", plain(frame.Broadcast, macA), all},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := responderRig(t, nil)
			r.learn(stationY, macB)
			r.expect(stationX, c.b, c.want)
			kinds, _ := r.sw.Kinds(stationX)
			if (kinds.Answered == 1) != (c.want == only) || kinds.Answered+kinds.Broadcast+kinds.Multicast+kinds.Unknown+kinds.Unicast != 1 {
				t.Errorf("counted as %+v", kinds)
			}
			if got := r.where(macA); got != "0" {
				t.Errorf("the asking station is behind %s", got)
			}
		})
	}
}

// Where the responder cannot be asked, everybody is.
func TestResponderOutOfReach(t *testing.T) {
	request := ask(frame.Broadcast, frame.ARPRequest, ip4A, known4)
	for _, c := range []struct {
		name string
		edit func([]PortConfig)
		in   frame.PortID
		b    []byte
		want string
	}{
		{"its own request", nil, gateway, request, "0 1 3/1"},
		{"its port is down", func(p []PortConfig) { p[gateway].Down = true }, stationX, request, "1 3/1"},
		{"its port is in another VLAN", func(p []PortConfig) { p[gateway].VLAN.Access = 2 }, stationX, request, "1 3/1"},
		{"both are isolated", func(p []PortConfig) { p[gateway].Isolated, p[stationX].Isolated = true, true }, stationX, request, "1 3/1"},
		{"only the asking one is isolated", func(p []PortConfig) { p[stationX].Isolated = true }, stationX, request, "2"},
		{"from a trunk", nil, trunkPort, ask(frame.Broadcast, frame.ARPRequest, ip4A, known4, 1), "2"},
		{"from a trunk, another VLAN", nil, trunkPort, ask(frame.Broadcast, frame.ARPRequest, ip4A, known4, 2), "no-egress"},
		{"to a trunk", func(p []PortConfig) { p[gateway].VLAN = VLANConfig{Trunk: []uint16{1}} }, stationX, request, "2/1"},
		{"behind an inner tag", func(p []PortConfig) {
			p[gateway].VLAN = VLANConfig{Trunk: []uint16{2}}
			p[stationX].VLAN = VLANConfig{Trunk: []uint16{2}}
		}, trunkPort, ask(frame.Broadcast, frame.ARPRequest, ip4A, known4, 2, 9), "0/2 2/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := responderRig(t, c.edit)
			r.expect(c.in, c.b, c.want)
		})
	}
}

// What goes to the responder floods nothing and costs no storm budget.
func TestResponderAndStorm(t *testing.T) {
	r := responderRig(t, func(p []PortConfig) { p[stationX].Storm = 1 })
	for range 5 {
		r.expect(stationX, ask(frame.Broadcast, frame.ARPRequest, ip4A, known4), "2")
	}
	r.expect(stationX, ask(frame.Broadcast, frame.ARPRequest, ip4A, unknown4), "1 2 3/1")
	r.expect(stationX, ask(frame.Broadcast, frame.ARPRequest, ip4A, unknown4), "storm")
}

// It survives a change of its port, and ends with it: another port that gets the
// number is no responder.
func TestResponderComesAndGoes(t *testing.T) {
	request := ask(frame.Broadcast, frame.ARPRequest, ip4A, known4)
	r := responderRig(t, nil)
	r.must(r.sw.EditPort(gateway, func(c *PortConfig) { c.Name = "gw" }))
	r.must(r.sw.RemovePort(stationY))
	r.expect(stationX, request, "2")
	r.must(r.sw.RemovePort(gateway))
	r.expect(stationX, request, "3/1")
	r.must(r.sw.ReleasePort(gateway))
	r.must(r.sw.ReleasePort(stationY))
	r.add(PortConfig{})
	if id := r.add(PortConfig{}); id != gateway {
		t.Fatalf("got number %d", id)
	}
	r.expect(stationX, request, "1 2 3/1")
	mine := Responder{Port: gateway, Knows: knows(known4)}
	r.sw.SetResponder(&mine)
	mine.Port = stationY // the switch has a copy
	r.expect(stationX, request, "2")
	r.sw.SetResponder(nil)
	r.expect(stationX, request, "1 2 3/1")
}
