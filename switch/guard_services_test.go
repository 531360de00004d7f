package vswitch

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
)

// A guarded port is no DHCP server and no router, whatever address it sends from.
func TestGuardServices(t *testing.T) {
	const udp6, icmp, frag, dst, rogue = frame.ProtoUDP, frame.ProtoICMPv6, 44, 60, "rogue-dhcp"
	own := frame.LinkLocalAddr(macA)
	ra := icmp6(frame.ICMPv6RouterAdv, 16, any6, linkAddr(frame.NDPSourceLinkAddr, macA))
	first4 := ip4(ip4A, frame.ProtoUDP, udp(67, 68))
	frame.IPv4(first4)[6] = 0x20 // more fragments
	later4 := ip4(ip4A, frame.ProtoUDP, udp(67, 68))
	frame.IPv4(later4)[7] = 2 // offset 16
	hidden := v6(ip6A, frag, append(fragment6(dst, 0, true), dstOpts(udp6)...), nil)
	cases := []guardCase{
		{"DHCP offer", v4(ip4A, frame.ProtoUDP, udp(67, 68)), rogue},
		{"DHCP offer from a foreign address", v4(ip4B, frame.ProtoUDP, udp(67, 68)), rogue},
		{"DHCP offer from another port", v4(ip4A, frame.ProtoUDP, udp(6767, 68)), rogue},
		{"DHCP offer, first fragment", ether(frame.Broadcast, macA, frame.TypeIPv4, first4), rogue},
		{"DHCP offer, behind a priority tag", ether(frame.Broadcast, macA, frame.TypeIPv4, ip4(ip4A, frame.ProtoUDP, udp(67, 68)), 0), rogue},
		{"later fragment", ether(frame.Broadcast, macA, frame.TypeIPv4, later4), pass},
		{"DHCP request", v4(any4, frame.ProtoUDP, udp(68, 67)), pass},
		{"DHCP renewal", v4(ip4A, frame.ProtoUDP, udp(68, 67)), pass},
		{"as a relay agent", v4(ip4A, frame.ProtoUDP, udp(67, 67)), pass},
		{"TCP", v4(ip4A, frame.ProtoTCP, append(make([]byte, 12), 5<<4, 0, 0, 0, 0, 0, 0, 0)), pass},
		{"DHCPv6 advertise", v6(own, udp6, nil, udp(547, 546)), rogue},
		{"DHCPv6 advertise from another port", v6(own, udp6, nil, udp(5470, 546)), rogue},
		{"DHCPv6 relay reply", v6(ip6A, udp6, nil, udp(547, 547)), rogue},
		{"DHCPv6 advertise behind an extension header", v6(own, dst, dstOpts(udp6), udp(547, 546)), rogue},
		{"DHCPv6 advertise, first fragment", v6(own, frag, fragment6(udp6, 0, true), udp(547, 546)), rogue},
		{"UDP that hides its ports in the second fragment", hidden, rogue},
		{"IPv6 later fragment", v6(ip6A, frag, fragment6(udp6, 2, false), udp(547, 546)), pass},
		{"DHCPv6 solicit", v6(own, udp6, nil, udp(546, 547)), pass},
		{"router advertisement", v6(own, icmp, nil, ra), rogue},
		{"router advertisement from a foreign address", v6(ip6B, icmp, nil, ra), rogue},
		{"router advertisement in fragments", v6(own, frag, fragment6(icmp, 0, true), ra), rogue},
		{"DNS answer", v4(ip4A, frame.ProtoUDP, udp(53, 1068)), pass},
	}
	runGuard(t, guardA(), cases)

	// It holds for a port that routes for others as well, unless it may.
	router := &Guard{MACs: []frame.MAC{macA}, AnyAddr: true}
	t.Run("AnyAddr", func(t *testing.T) { runGuard(t, router, cases) })
	for i := range cases {
		cases[i].want = pass
	}
	router = &Guard{MACs: []frame.MAC{macA}, AnyAddr: true, Services: true}
	t.Run("AnyAddr and Services", func(t *testing.T) { runGuard(t, router, cases) })
}

// A port with services is still only itself, and redirects nobody.
func TestGuardServicesOwnAddress(t *testing.T) {
	server := guardA()
	server.Services = true
	own := frame.LinkLocalAddr(macA)
	ra := func(m frame.MAC) []byte {
		return icmp6(frame.ICMPv6RouterAdv, 16, any6, linkAddr(frame.NDPSourceLinkAddr, m))
	}
	nd := func(src netip.Addr, m []byte) []byte { return v6(src, frame.ProtoICMPv6, nil, m) }
	runGuard(t, server, []guardCase{
		{"DHCP offer", v4(ip4A, frame.ProtoUDP, udp(67, 68)), pass},
		{"DHCP offer from a foreign address", v4(ip4B, frame.ProtoUDP, udp(67, 68)), "spoofed-ip"},
		{"DHCPv6 advertise", v6(own, frame.ProtoUDP, nil, udp(547, 546)), pass},
		{"router advertisement", nd(own, ra(macA)), pass},
		{"router advertisement from a foreign address", nd(frame.LinkLocalAddr(macB), ra(macA)), "spoofed-arp"},
		{"router advertisement with a foreign MAC", nd(own, ra(macB)), "spoofed-arp"},
		{"redirect", nd(own, icmp6(frame.ICMPv6Redirect, 40, own)), "spoofed-arp"},
	})
}
