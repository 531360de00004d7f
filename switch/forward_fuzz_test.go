package vswitch

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"vswitch/internal/frame"
)

// fuzzPorts are the kinds of ports that FuzzForward has.
func fuzzPorts() []PortConfig {
	return []PortConfig{
		{Guard: guardA()},
		{},
		{Isolated: true, LearnLimit: 3},
		{Isolated: true, Storm: 2},
		{VLAN: VLANConfig{Trunk: []uint16{1, 2, 3}}},
		{VLAN: VLANConfig{Trunk: []uint16{2, 4094}, Native: 1}},
		{VLAN: VLANConfig{Access: 2}, LearnLimit: -1},
		{Down: true},
		{VLAN: VLANConfig{Trunk: []uint16{3}, Native: 2}, Guard: &Guard{MACs: []frame.MAC{macB}, AnyAddr: true}},
	}
}

// fuzzSeeds are frames of all kinds, from the guarded station and others.
func fuzzSeeds() [][]byte {
	na := icmp6(frame.ICMPv6NeighborAdv, 24, ip6A, linkAddr(frame.NDPTargetLinkAddr, macA))
	seeds := [][]byte{
		plain(macB, macA), plain(frame.Broadcast, macB), plain(macA, macB, 2), plain(macA, macB, 2, 3),
		plain(groupIP6, macC, 0), plain(0x01_80_c2_00_00_0e, macA), plain(macB, 0),
		ask(frame.Broadcast, frame.ARPRequest, ip4A, known4), solicit(groupIP6, ip6A, known6),
		v4(ip4A, frame.ProtoUDP, udp(67, 68)), v6(ip6A, frame.ProtoUDP, nil, udp(547, 546)),
		arp(macA, frame.ARPRequest, macA, ip4A), arp(macA, frame.ARPReply, macB, ip4B),
		v4(ip4A, frame.ProtoUDP, udp(1, 2)), v4(any4, frame.ProtoUDP, udp(68, 67)), v4(ip4B, 2, nil),
		v6(ip6A, frame.ProtoICMPv6, nil, na), v6(ip6B, 0, hopByHop(58), na), v6(any6, 44, fragment6(58, 0, true), na),
	}
	return seeds
}

// FuzzForward sends arbitrary bytes through parse and switch. The input is a run
// of frames: a byte for the port, one for the length, then the frame.
func FuzzForward(f *testing.F) {
	var all []byte
	for i, b := range fuzzSeeds() {
		one := append([]byte{byte(i), byte(len(b))}, b...)
		f.Add(one)
		all = append(all, one...)
	}
	f.Add(all)
	f.Add(append(slices.Clone(all), all...))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := newRig(t, Config{FDBLimit: 12}, fuzzPorts()...)
		r.sw.SetResponder(&Responder{Port: 5, Knows: knows(known4, known6)})
		for len(input) >= 2 {
			in := frame.PortID(int(input[0]) % (len(fuzzPorts()) + 1)) // one that is not there too
			n := min(int(input[1]), len(input)-2)
			b := r.batch(in, input[2:2+n:2+n])
			r.sw.Forward(0, b)
			if err := audit(r.sw, in, &b.Frames[0]); err != nil {
				t.Fatalf("port %d, %x: %v", in, input[2:2+n], err)
			}
			input = input[2+n:]
			r.now += second / 4
		}
		r.sw.fdb.check(t)
	})
}

// audit says what is wrong with a verdict, judged by the configuration alone.
func audit(sw *Switch, in frame.PortID, f *frame.Frame) error {
	switch {
	case f.Drop != frame.Accepted && f.Out != nil:
		return fmt.Errorf("dropped as %v, and out by %v", f.Drop, f.Out)
	case f.Drop >= frame.Reasons:
		return fmt.Errorf("reason %d", f.Drop)
	case f.Drop != frame.Accepted:
		return nil
	}
	from, ok := sw.Port(in)
	if !ok || from.Down {
		return fmt.Errorf("accepted from a port that takes nothing")
	}
	if from.Guard != nil && !mayClaim(from.Guard, f) {
		return fmt.Errorf("a foreign source passed the guard")
	}
	if from.Guard != nil && serves(f) {
		return fmt.Errorf("a guarded port serves as a gateway")
	}
	vid, ok := vlanOf(from.VLAN, f)
	if !ok {
		return fmt.Errorf("accepted in a VLAN that the port is not in")
	}
	others := 0
	for i, e := range f.Out {
		if slices.ContainsFunc(f.Out[:i], func(o frame.Egress) bool { return o.Port == e.Port }) {
			return fmt.Errorf("twice by port %d", e.Port)
		}
		if e.Port == in {
			continue
		}
		others++
		if err := mayLeave(sw, from, e, vid, f.Tags); err != nil {
			return err
		}
	}
	if others == 0 {
		return fmt.Errorf("neither dropped nor sent")
	}
	return nil
}

// vlanOf says which VLAN a frame is in, and whether the port may use that.
func vlanOf(c VLANConfig, f *frame.Frame) (uint16, bool) {
	vid := f.VID()
	if len(c.Trunk) == 0 {
		return max(c.Access, 1), vid == 0 && f.Tags < 2
	}
	if vid == 0 {
		return c.Native, c.Native != 0
	}
	return vid, vid == c.Native || slices.Contains(c.Trunk, vid)
}

// mayLeave says what is wrong with one way out of a frame of VLAN vid.
func mayLeave(sw *Switch, from PortConfig, e frame.Egress, vid uint16, tags uint8) error {
	to, ok := sw.Port(e.Port)
	untagged := len(to.VLAN.Trunk) == 0 && max(to.VLAN.Access, 1) == vid || to.VLAN.Native == vid
	switch {
	case !ok || to.Down:
		return fmt.Errorf("out by port %d, which takes nothing", e.Port)
	case from.Isolated && to.Isolated:
		return fmt.Errorf("from an isolated port to isolated port %d", e.Port)
	case e.VID == 0 && !untagged:
		return fmt.Errorf("VLAN %d untagged by port %d", vid, e.Port)
	case e.VID != 0 && (untagged || e.VID != vid || !slices.Contains(to.VLAN.Trunk, vid)):
		return fmt.Errorf("VLAN %d with tag %d by port %d", vid, e.VID, e.Port)
	case tags > 1 && to.VLAN.Native == vid:
		return fmt.Errorf("an inner tag comes out at port %d", e.Port)
	}
	return nil
}

// mayClaim reads the addresses of a frame once more, slowly, and says whether a
// guarded port may claim them.
func mayClaim(g *Guard, f *frame.Frame) bool {
	b := f.Bytes()
	if !slices.Contains(g.MACs, frame.MACFrom(b[6:])) {
		return false
	}
	if g.AnyAddr {
		return true
	}
	own := func(a netip.Addr) bool {
		return a.IsUnspecified() || slices.Contains(g.Addrs, a) || a == frame.LinkLocalAddr(g.MACs[0])
	}
	switch l3 := b[f.L3:]; f.EtherType {
	case frame.TypeARP:
		return frame.MACFrom(l3[8:]) == g.MACs[0] && own(netip.AddrFrom4([4]byte(l3[14:])))
	case frame.TypeIPv4:
		return own(netip.AddrFrom4([4]byte(l3[12:])))
	case frame.TypeIPv6:
		return own(netip.AddrFrom16([16]byte(l3[8:])))
	}
	return true
}

// serves reads a frame once more and reports whether it answers DHCP or advertises
// a router. No guard of fuzzPorts allows that.
func serves(f *frame.Frame) bool {
	if f.L4 == 0 {
		return false
	}
	l4 := f.Bytes()[f.L4:]
	word := func(i int) int { return int(l4[i])<<8 | int(l4[i+1]) }
	switch {
	case f.EtherType == frame.TypeIPv4 && f.Proto == 17:
		return word(0) == 67 && word(2) == 68
	case f.EtherType == frame.TypeIPv6 && f.Proto == 17:
		return word(0) == 547
	}
	return f.EtherType == frame.TypeIPv6 && f.Proto == 58 && l4[0] == 134
}

// The same with many random valid frames, so that `go test` alone goes deep.
func TestForwardRandom(t *testing.T) {
	ports := fuzzPorts()
	r := newRig(t, Config{FDBLimit: 12}, ports...)
	rnd := random()
	macs := []frame.MAC{macA, macB, macC, macD, frame.Broadcast, groupIP6, 0}
	seen := map[frame.Reason]int{}
	for range 100_000 {
		var tags []uint16
		for range rnd.IntN(3) {
			tags = append(tags, []uint16{0, 1, 2, 3, 4, 4094}[rnd.IntN(6)])
		}
		in := frame.PortID(rnd.IntN(len(ports)))
		b := r.batch(in, plain(macs[rnd.IntN(len(macs))], macs[rnd.IntN(len(macs))], tags...))
		r.sw.Forward(0, b)
		if err := audit(r.sw, in, &b.Frames[0]); err != nil {
			t.Fatalf("port %d, %x: %v", in, b.Frames[0].Bytes(), err)
		}
		seen[b.Frames[0].Drop]++
		r.now += int64(rnd.IntN(int(second / 20)))
	}
	for _, want := range []frame.Reason{
		frame.Accepted, frame.DropBlocked, frame.DropSourceGroup, frame.DropSourceZero, frame.DropVLANTagged,
		frame.DropVLANUntagged, frame.DropVLANForeign, frame.DropSpoofMAC, frame.DropStorm, frame.DropSamePort,
		frame.DropIsolated, frame.DropNoEgress,
	} {
		if seen[want] == 0 {
			t.Errorf("no frame ended as %v", want)
		}
	}
	r.sw.fdb.check(t)
}
