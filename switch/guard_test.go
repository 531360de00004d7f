package vswitch

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
)

// guardA lets a port be station A only.
func guardA() *Guard {
	return &Guard{MACs: []frame.MAC{macA}, Addrs: []netip.Addr{ip4A, ip6A}}
}

const pass = "1"

// guardCase is one frame from the guarded port.
type guardCase struct {
	name string
	b    []byte
	want string
}

func runGuard(t *testing.T, g *Guard, cases []guardCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{}, PortConfig{Guard: g}, PortConfig{})
			r.expect(0, c.b, c.want)
			if _, known := r.sw.Lookup(macA, 1, r.now); known != (c.want == pass) {
				t.Errorf("learned: %v", known)
			}
		})
	}
}

func v4(src netip.Addr, proto uint8, payload []byte) []byte {
	return ether(frame.Broadcast, macA, frame.TypeIPv4, ip4(src, proto, payload))
}

func TestGuardMAC(t *testing.T) {
	two := guardA()
	two.MACs = append(two.MACs, macC)
	r := newRig(t, Config{}, PortConfig{Guard: two}, PortConfig{})
	r.expect(0, plain(frame.Broadcast, macA), pass)
	r.expect(0, plain(frame.Broadcast, macC), pass)
	r.expect(0, plain(frame.Broadcast, macB), "spoofed-mac")
	r.expect(1, plain(frame.Broadcast, macB), "0") // not guarded
	if r.where(macB) != "1" {
		t.Error("the spoofed address moved to the spoofer")
	}
}

func TestGuardIPv4(t *testing.T) {
	later := ip4(ip4B, frame.ProtoUDP, make([]byte, 16))
	frame.IPv4(later)[7] = 2 // offset 16
	laterDHCP := ip4(any4, frame.ProtoUDP, udp(68, 67))
	frame.IPv4(laterDHCP)[7] = 2
	runGuard(t, guardA(), []guardCase{
		{"own", v4(ip4A, frame.ProtoUDP, udp(1, 2)), pass},
		{"own, behind a priority tag", ether(frame.Broadcast, macA, frame.TypeIPv4, ip4(ip4A, 99, nil), 0), pass},
		{"foreign", v4(ip4B, frame.ProtoUDP, udp(1, 2)), "spoofed-ip"},
		{"foreign, unknown protocol", v4(ip4B, 99, nil), "spoofed-ip"},
		{"foreign, behind a priority tag", ether(frame.Broadcast, macA, frame.TypeIPv4, ip4(ip4B, 99, nil), 0), "spoofed-ip"},
		{"foreign, later fragment", ether(macB, macA, frame.TypeIPv4, later), "spoofed-ip"},
		{"DHCP request", v4(any4, frame.ProtoUDP, udp(68, 67)), pass},
		{"DHCP reply from nowhere", v4(any4, frame.ProtoUDP, udp(67, 68)), "rogue-dhcp"},
		{"UDP from nowhere", v4(any4, frame.ProtoUDP, udp(68, 53)), "spoofed-ip"},
		{"later fragment from nowhere", ether(macB, macA, frame.TypeIPv4, laterDHCP), "spoofed-ip"},
		{"ICMP from nowhere", v4(any4, frame.ProtoICMP, make([]byte, 8)), "spoofed-ip"},
		{"IGMP report from nowhere", ether(0x01_00_5e_00_00_16, macA, frame.TypeIPv4, ip4(any4, 2, make([]byte, 8))), pass},
		{"IGMP from nowhere to a station", ether(macB, macA, frame.TypeIPv4, ip4(any4, 2, make([]byte, 8))), "spoofed-ip"},
	})
}

func TestGuardARP(t *testing.T) {
	runGuard(t, guardA(), []guardCase{
		{"request", arp(macA, frame.ARPRequest, macA, ip4A), pass},
		{"reply", arp(macA, frame.ARPReply, macA, ip4A), pass},
		{"probe", arp(macA, frame.ARPRequest, macA, any4), pass},
		{"reply that claims another's address", arp(macA, frame.ARPReply, macA, ip4B), "spoofed-arp"},
		{"request that claims another's address", arp(macA, frame.ARPRequest, macA, ip4B), "spoofed-arp"},
		{"own address at another's MAC", arp(macA, frame.ARPReply, macB, ip4A), "spoofed-arp"},
		{"probe for another's MAC", arp(macA, frame.ARPRequest, macB, any4), "spoofed-arp"},
		{"reply from nowhere", arp(macA, frame.ARPReply, macA, any4), "spoofed-arp"},
	})
}

// v6 is an IPv6 frame from station A.
func v6(src netip.Addr, next uint8, before, payload []byte) []byte {
	return ether(groupIP6, macA, frame.TypeIPv6, ip6(src, next, before, payload))
}

func TestGuardIPv6(t *testing.T) {
	const hop, udp6, icmp, frag = 0, frame.ProtoUDP, frame.ProtoICMPv6, 44
	own := frame.LinkLocalAddr(macA)
	report := icmp6(frame.ICMPv6MLDv2Report, 8, any6)
	echo := icmp6(frame.ICMPv6EchoRequest, 8, any6)
	toStation := v6(any6, hop, hopByHop(icmp), report)
	frame.Ethernet(toStation).SetDst(macB)
	runGuard(t, guardA(), []guardCase{
		{"own", v6(ip6A, udp6, nil, udp(1, 2)), pass},
		{"own link-local", v6(own, udp6, nil, udp(1, 2)), pass},
		{"foreign", v6(ip6B, udp6, nil, udp(1, 2)), "spoofed-ip"},
		{"foreign link-local", v6(frame.LinkLocalAddr(macB), udp6, nil, udp(1, 2)), "spoofed-ip"},
		{"foreign behind an extension header", v6(ip6B, hop, hopByHop(udp6), udp(1, 2)), "spoofed-ip"},
		{"foreign later fragment", v6(ip6B, frag, fragment6(udp6, 2, false), make([]byte, 8)), "spoofed-ip"},
		{"own later fragment", v6(ip6A, frag, fragment6(icmp, 2, false), make([]byte, 8)), pass},
		{"own echo", v6(ip6A, icmp, nil, echo), pass},
		{"foreign echo", v6(ip6B, icmp, nil, echo), "spoofed-ip"},
		{"own echo, first fragment", v6(ip6A, frag, fragment6(icmp, 0, true), echo), pass},
		{"UDP from nowhere", v6(any6, udp6, nil, udp(546, 547)), "spoofed-ip"},
		{"echo from nowhere", v6(any6, icmp, nil, echo), "spoofed-ip"},
		{"MLDv2 report from nowhere", v6(any6, hop, hopByHop(icmp), report), pass},
		{"MLDv1 report from nowhere", v6(any6, hop, hopByHop(icmp), icmp6(frame.ICMPv6MLDReport, 24, allNodes)), pass},
		{"MLD report to a station", toStation, "spoofed-ip"},
		{"MLD query from nowhere", v6(any6, hop, hopByHop(icmp), icmp6(frame.ICMPv6MLDQuery, 24, any6)), "spoofed-ip"},
		{"MLD report, own", v6(own, hop, hopByHop(icmp), report), pass},
		{"MLD report, foreign", v6(frame.LinkLocalAddr(macB), hop, hopByHop(icmp), report), "spoofed-ip"},
	})
}

func TestGuardNeighbours(t *testing.T) {
	const icmp, frag, dst = frame.ProtoICMPv6, 44, 60
	const rs, ra, ns, na, redirect = frame.ICMPv6RouterSol, frame.ICMPv6RouterAdv,
		frame.ICMPv6NeighborSol, frame.ICMPv6NeighborAdv, frame.ICMPv6Redirect
	sll := func(m frame.MAC) []byte { return linkAddr(frame.NDPSourceLinkAddr, m) }
	tll := func(m frame.MAC) []byte { return linkAddr(frame.NDPTargetLinkAddr, m) }
	nd := func(src netip.Addr, m []byte) []byte { return v6(src, icmp, nil, m) }
	own := frame.LinkLocalAddr(macA)
	runGuard(t, guardA(), []guardCase{
		{"solicitation of another", nd(ip6A, icmp6(ns, 24, ip6B, sll(macA))), pass},
		{"solicitation from the link-local address", nd(own, icmp6(ns, 24, ip6B, sll(macA))), pass},
		{"solicitation with a foreign source", nd(ip6B, icmp6(ns, 24, ip6A, sll(macA))), "spoofed-arp"},
		{"solicitation with a foreign MAC", nd(ip6A, icmp6(ns, 24, ip6B, sll(macB))), "spoofed-arp"},
		{"duplicate detection, own", nd(any6, icmp6(ns, 24, ip6A)), pass},
		{"duplicate detection, own link-local", nd(any6, icmp6(ns, 24, own)), pass},
		{"duplicate detection, foreign", nd(any6, icmp6(ns, 24, ip6B)), "spoofed-arp"},
		{"advertisement, own", nd(ip6A, icmp6(na, 24, ip6A, tll(macA))), pass},
		{"advertisement of the link-local address", nd(own, icmp6(na, 24, own, tll(macA))), pass},
		{"advertisement, own, of the other own address", nd(own, icmp6(na, 24, ip6A)), pass},
		{"advertisement of a foreign target", nd(ip6A, icmp6(na, 24, ip6B, tll(macA))), "spoofed-arp"},
		{"advertisement with a foreign source", nd(ip6B, icmp6(na, 24, ip6A)), "spoofed-arp"},
		{"advertisement with a foreign MAC", nd(ip6A, icmp6(na, 24, ip6A, tll(macB))), "spoofed-arp"},
		{"advertisement of a foreign target from nowhere", nd(any6, icmp6(na, 24, ip6B)), "spoofed-arp"},
		{"two options of one kind", nd(ip6A, icmp6(na, 24, ip6A, tll(macA), tll(macB))), "spoofed-arp"},
		{"an option of length 0", nd(ip6A, icmp6(na, 24, ip6A, make([]byte, 8))), "spoofed-arp"},
		{"cut off", nd(ip6A, icmp6(na, 16, any6)), "spoofed-arp"},
		{"in fragments", v6(ip6A, frag, fragment6(icmp, 0, true), icmp6(na, 24, ip6A)), "spoofed-arp"},
		{"in an atomic fragment", v6(ip6A, frag, fragment6(icmp, 0, false), icmp6(na, 24, ip6A)), pass},
		{"hidden in the second fragment", v6(ip6A, frag, append(fragment6(dst, 0, true), dstOpts(icmp)...), nil), "spoofed-arp"},
		{"behind an extension header", v6(ip6A, dst, dstOpts(icmp), icmp6(na, 24, ip6B)), "spoofed-arp"},
		{"router solicitation", nd(own, icmp6(rs, 8, any6, sll(macA))), pass},
		{"router solicitation from nowhere", nd(any6, icmp6(rs, 8, any6)), pass},
		{"router solicitation with a foreign MAC", nd(own, icmp6(rs, 8, any6, sll(macB))), "spoofed-arp"},
		{"router advertisement", nd(own, icmp6(ra, 16, any6)), "rogue-dhcp"},
		{"redirect", nd(own, icmp6(redirect, 40, own)), "spoofed-arp"},
	})
}

func TestGuardAnyAddr(t *testing.T) {
	g := &Guard{MACs: []frame.MAC{macA}, AnyAddr: true}
	runGuard(t, g, []guardCase{
		{"IPv4", v4(ip4B, 99, nil), pass},
		{"IPv6", v6(ip6B, 99, nil, nil), pass},
		{"ARP", arp(macA, frame.ARPReply, macB, ip4B), pass},
		{"MAC", ether(frame.Broadcast, macB, frame.TypeIPv4, ip4(ip4B, 99, nil)), "spoofed-mac"},
	})
}

// An IPv4 address written as IPv6 is the IPv4 address.
func TestGuardMapped(t *testing.T) {
	g := &Guard{MACs: []frame.MAC{macA}, Addrs: []netip.Addr{netip.AddrFrom16(ip4A.As16())}}
	runGuard(t, g, []guardCase{
		{"own", v4(ip4A, 99, nil), pass},
		{"foreign", v4(ip4B, 99, nil), "spoofed-ip"},
		{"mapped on the wire", v6(netip.AddrFrom16(ip4A.As16()), 99, nil, nil), "spoofed-ip"},
	})
}
