package nat

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// The kernel as a judge: a router with nftables' masquerading between two namespaces in
// which packet sockets speak for all hosts.
//
//	inside (packet socket) --veth-- router: masquerade, dnat --veth-- outside (packet socket)
const (
	gateway4, gateway6 = "192.0.2.254", "2001:db8::fe"
	markerHost         = "10.0.0.9"

	ruleset = `table inet nat {
	chain post { type nat hook postrouting priority 100; oifname "outside" masquerade; }
	chain pre {
		type nat hook prerouting priority -100;
		iifname "outside" meta nfproto ipv4 tcp dport 8080 dnat ip to 10.0.0.2:80;
		iifname "outside" meta nfproto ipv6 tcp dport 8080 dnat ip6 to [fd00::2]:80;
	}
	chain between { type filter hook forward priority 0; ct state invalid drop; }
}`
)

// kernelNAT is the kernel's NAT with both of its sides.
type kernelNAT struct {
	testing.TB
	raw     [2]*testnet.Raw // by dir: where packets that go that way are sent
	markers int
	marker  netip.AddrPort // the outer endpoint of the markers
}

func newKernelNAT(t testing.TB) *kernelNAT {
	testnet.NeedRoot(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skipf("NEEDS-NFT: %v", err)
	}
	box := func(name string) *testnet.Station {
		b, err := sandbox.Create(sandbox.Config{Name: name})
		must(t, err)
		t.Cleanup(func() { b.Close() })
		return &testnet.Station{Box: b, Link: "eth0"}
	}
	inside, router, outside := box("inside"), box("router"), box("outside")
	router.Do(t, func() error {
		return sysctls(map[string]string{
			"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
			"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		})
	})
	peerMAC, _ := frame.ParseMAC("02:00:00:00:00:01")
	routerMAC, _ := frame.ParseMAC("02:00:00:00:00:02")
	h, err := router.Box.NetNS().Netlink()
	must(t, err)
	defer h.Close()
	link := func(name string, peer *testnet.Station, addrs ...string) {
		must(t, netnsx.MakeVeth(netnsx.End{NS: router.Box.NetNS(), Name: name, MAC: routerMAC},
			netnsx.End{NS: peer.Box.NetNS(), Name: "eth0", MAC: peerMAC}, 0))
		for _, a := range addrs {
			must(t, h.AddAddr(name, netip.MustParsePrefix(a), netnsx.NoDAD))
		}
		must(t, h.Up(name))
		p, err := peer.Box.NetNS().Netlink()
		must(t, err)
		defer p.Close()
		must(t, p.Up("eth0"))
	}
	link("inside", inside, "10.0.0.1/24", "fd00::1/64")
	link("outside", outside, outer4+"/24", outer6+"/64")
	for _, a := range []string{hostA, hostB, markerHost, hostA6, hostB6} {
		must(t, h.SetNeighbour("inside", netip.MustParseAddr(a), peerMAC))
	}
	for _, a := range []string{gateway4, gateway6} {
		must(t, h.SetNeighbour("outside", netip.MustParseAddr(a), peerMAC))
		must(t, h.AddDefault("outside", netip.MustParseAddr(a)))
	}
	if out, code := router.Try(t, "nft", "add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }"); code != 0 {
		t.Skipf("NEEDS-NFTABLES: the kernel has no NAT: %s", out)
	}
	router.Run(t, "nft", ruleset)
	router.Do(t, func() error {
		return sysctls(map[string]string{"netfilter/nf_conntrack_tcp_loose": "0", "netfilter/nf_conntrack_tcp_be_liberal": "1"})
	})
	k := &kernelNAT{TB: t, raw: [2]*testnet.Raw{inside.Raw(t), outside.Raw(t)}}
	src, _ := ends(decode(k.pass(out, udp(at(markerHost, 9), at(hostX, 9), []byte("first")...), "first")))
	k.marker = src
	return k
}

func sysctls(values map[string]string) error {
	for name, v := range values {
		if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(v), 0); err != nil {
			return err
		}
	}
	return nil
}

// pass sends a frame that has tag in it, and returns what came out on the other side; nil
// if nothing did before a marker that was sent after it.
func (k *kernelNAT) pass(d dir, b []byte, tag string) []byte {
	k.Helper()
	k.raw[d].Send(k, b)
	k.markers++
	mark := fmt.Sprintf("marker %d.", k.markers)
	if d == out {
		k.raw[d].Send(k, udp(at(markerHost, 9), at(hostX, 9), []byte(mark)...))
	} else {
		k.raw[d].Send(k, udp(at(hostX, 9), k.marker, []byte(mark)...))
	}
	for _, got := range k.raw[1-d].Until(k, []byte(mark)) {
		if bytes.Contains(got, []byte(tag)) {
			return got
		}
	}
	return nil
}

// view is what one of the two NATs has let through, by the name of the step.
type view map[string][]byte

// from returns the source of what came out in a step.
func (v view) from(step string) netip.AddrPort {
	src, _ := ends(decode(v[step]))
	return src
}

// kernelStep is a packet for both NATs. What it is may depend on what came out before.
type kernelStep struct {
	name  string
	d     dir
	build func(v view, tag []byte) []byte
}

// kernelSteps is a conversation between hosts of one family.
func kernelSteps(a, b, x, y, outer string, unreachable uint8) []kernelStep {
	addr, near, far, stranger := at(a, 5000), at(b, 5000), at(x, 80), at(y, 80)
	s := func(name string, d dir, build func(v view, tag []byte) []byte) kernelStep {
		return kernelStep{name, d, build}
	}
	datagram := func(from, to netip.AddrPort) func(view, []byte) []byte {
		return func(_ view, tag []byte) []byte { return udp(from, to, tag...) }
	}
	segment := func(from, to netip.AddrPort, flags uint8) func(view, []byte) []byte {
		return func(_ view, tag []byte) []byte { return tcp(from, to, flags, tag...) }
	}
	answer := func(step string, flags uint8) func(view, []byte) []byte {
		return func(v view, tag []byte) []byte { return tcp(far, v.from(step), flags, tag...) }
	}
	return []kernelStep{
		s("datagram", out, datagram(addr, far)),
		s("its answer", in, func(v view, tag []byte) []byte { return udp(far, v.from("datagram"), tag...) }),
		s("another port answers", in, func(v view, tag []byte) []byte { return udp(at(x, 81), v.from("datagram"), tag...) }),
		s("a stranger answers", in, func(v view, tag []byte) []byte { return udp(stranger, v.from("datagram"), tag...) }),
		s("to an unused port", in, datagram(far, at(outer, 6000))),
		s("the same port of another host", out, datagram(near, far)),
		s("answer to it", in, func(v view, tag []byte) []byte { return udp(far, v.from("the same port of another host"), tag...) }),
		s("unreachable", in, func(v view, _ []byte) []byte { return complain(x, v["datagram"], unreachable, 1, 500) }),
		s("unreachable from a router, about the other", in, func(v view, _ []byte) []byte {
			return complain(y, v["the same port of another host"], unreachable, 1, 500)
		}),
		s("forged", in, func(_ view, tag []byte) []byte {
			return complain(x, udp(at(outer, 6001), far, tag...), unreachable, 1, 500)
		}),
		s("unreachable from inside", out, func(v view, _ []byte) []byte { return complain(a, v["its answer"], unreachable, 1, 500) }),
		s("no SYN", out, segment(addr, far, ackFlag)),
		s("SYN", out, segment(addr, far, synFlag)),
		s("SYN of another", out, segment(near, far, synFlag)),
		s("SYN from a stranger", in, func(v view, tag []byte) []byte { return tcp(stranger, v.from("SYN"), synFlag, tag...) }),
		s("SYN|ACK", in, answer("SYN", synFlag|ackFlag)),
		s("SYN|ACK to the other", in, answer("SYN of another", synFlag|ackFlag)),
		s("ACK", out, segment(addr, far, ackFlag)),
		s("data", in, answer("SYN", ackFlag)),
		s("time exceeded in TCP", in, func(v view, _ []byte) []byte { return complain(y, v["ACK"], unreachable, 1, 500) }),
		s("FIN", out, segment(addr, far, finFlag|ackFlag)),
		s("FIN back", in, answer("SYN", finFlag|ackFlag)),
		s("last ACK", out, segment(addr, far, ackFlag)),
		s("to the published port", in, segment(stranger, at(outer, 8080), synFlag)),
		s("the server answers", out, segment(at(a, 80), stranger, synFlag|ackFlag)),
		s("and is heard", in, segment(stranger, at(outer, 8080), ackFlag)),
		s("no SYN to the published port", in, segment(at(y, 81), at(outer, 8080), ackFlag)),
		s("another protocol", out, func(_ view, tag []byte) []byte { return ipPacket(a, x, 253, tag...) }),
		s("and back", in, func(_ view, tag []byte) []byte { return ipPacket(x, outer, 253, tag...) }),
		s("from a stranger", in, func(_ view, tag []byte) []byte { return ipPacket(y, outer, 253, tag...) }),
	}
}

// pings are steps of ICMP queries.
func pings(a, b, x, y, outer string) []kernelStep {
	return []kernelStep{
		{"ping", out, func(_ view, tag []byte) []byte { return echo(a, x, 77, true, tag...) }},
		{"ping with the same identifier", out, func(_ view, tag []byte) []byte { return echo(b, x, 77, true, tag...) }},
		{"pong", in, func(v view, tag []byte) []byte { return echo(x, outer, v.from("ping").Port(), false, tag...) }},
		{"pong to the other", in, func(v view, tag []byte) []byte {
			return echo(x, outer, v.from("ping with the same identifier").Port(), false, tag...)
		}},
		{"pong from a stranger", in, func(v view, tag []byte) []byte { return echo(y, outer, v.from("ping").Port(), false, tag...) }},
		{"pong for nobody", in, func(_ view, tag []byte) []byte { return echo(x, outer, 4711, false, tag...) }},
		{"pong without a ping", out, func(_ view, tag []byte) []byte { return echo(a, y, 99, false, tag...) }},
	}
}

// Both NATs get the same packets; what one lets through the other does, and it looks the
// same but for ports that could not be kept.
func TestAgainstTheKernel(t *testing.T) {
	testnet.NoLeaks(t)
	k := newKernelNAT(t)
	r := newRig(t, personality(PortRestricted))
	must(t, r.t.SetForwards([]Forward{
		forward(frame.ProtoTCP, "", 8080, at(hostA, 80)), forward(frame.ProtoTCP, "", 8080, at(hostA6, 80)),
	}))
	steps := append(kernelSteps(hostA, hostB, hostX, hostY, outer4, frame.ICMPUnreachable), pings(hostA, hostB, hostX, hostY, outer4)...)
	compareSteps(t, k, r, "IPv4", steps)
	steps = append(kernelSteps(hostA6, hostB6, hostX6, hostY6, outer6, frame.ICMPv6Unreachable), pings(hostA6, hostB6, hostX6, hostY6, outer6)...)
	compareSteps(t, k, r, "IPv6", steps)
}

func compareSteps(t *testing.T, k *kernelNAT, r *rig, family string, steps []kernelStep) {
	theirs, ours := view{}, view{}
	passed := 0
	for i, s := range steps {
		tag := fmt.Appendf(nil, "%s %03d.", family, i)
		sent := s.build(theirs, tag)
		if !bytes.Contains(sent, tag) {
			tag = sent[len(sent)-len(tag):] // that of the packet that an error quotes
		}
		theirs[s.name] = k.pass(s.d, sent, string(tag))
		reason, mine := r.do(op(s.d), s.build(ours, tag))
		if (reason == frame.Accepted) != (theirs[s.name] != nil) {
			t.Errorf("%s, %s: ours %v, the kernel lets it through: %v", family, s.name, reason, theirs[s.name] != nil)
			continue
		}
		if mine == nil {
			continue
		}
		passed++
		ours[s.name] = hop(mine.bytes)
		want, got := blank(theirs[s.name], s.d), blank(ours[s.name], s.d)
		if !bytes.Equal(want, got) {
			t.Errorf("%s, %s:\nkernel %x\n  ours %x", family, s.name, want, got)
		}
	}
	if passed < len(steps)/2 {
		t.Errorf("%s: only %d of %d packets passed both", family, passed, len(steps))
	}
}

// hop makes a packet one hop older, as a router does.
func hop(b []byte) []byte {
	f := slotOf(b)
	if f.Flags&frame.FlagIPv6 != 0 {
		f.IPv6().SetHopLimit(f.IPv6().HopLimit() - 1)
	} else {
		f.IPv4().SetTTL(f.IPv4().TTL() - 1)
	}
	return f.Bytes()
}

// blank returns a packet from its IP header on, and on the way out without its source
// port.
func blank(b []byte, d dir) []byte {
	f := slotOf(b)
	p := &packet{}
	p.read(f, d)
	if d == out && p.shape != shapeOther && p.shape != shapeError {
		p.setPort(d, 0)
	}
	return f.Bytes()[f.L3 : int(f.L3)+int(f.L3Len)]
}
