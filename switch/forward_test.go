package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

func TestFloodLearnUnicast(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.expect(0, plain(macB, macA), "1 2")            // unknown
	r.expect(1, plain(macA, macB), "0")              // the answer finds A
	r.expect(0, plain(macB, macA), "1")              // and now B is known
	r.expect(2, plain(frame.Broadcast, macC), "0 1") // broadcast
	r.expect(2, plain(groupIP6, macC), "0 1")        // multicast
	r.expect(1, plain(0x01_00_5e_00_00_fb, macB), "0 2")
	r.expect(0, plain(0, macA), "1 2") // nobody has address zero: unknown
}

// Every reason that Forward gives, one frame each.
func TestReasons(t *testing.T) {
	storm := newRig(t, Config{}, PortConfig{Storm: 1}, PortConfig{})
	storm.learn(0, macA)
	guarded := newRig(t, Config{}, PortConfig{Guard: guardA()}, PortConfig{})
	isolated := newRig(t, Config{}, PortConfig{Isolated: true}, PortConfig{Isolated: true}, PortConfig{})
	isolated.learn(1, macB)
	open := newRig(t, Config{}, PortConfig{}, PortConfig{Down: true}, PortConfig{VLAN: VLANConfig{Trunk: []uint16{9}}})
	trunk := vlanRig(t)

	for want, c := range map[frame.Reason]struct {
		*rig
		in    frame.PortID
		bytes []byte
	}{
		frame.DropNoPort:       {open, 7, plain(macB, macA)},
		frame.DropBlocked:      {open, 1, plain(macB, macA)},
		frame.DropSourceGroup:  {open, 0, plain(macB, groupIP6)},
		frame.DropSourceZero:   {open, 0, plain(macB, 0)},
		frame.DropLinkLocal:    {open, 0, plain(0x01_80_c2_00_00_00, macA)},
		frame.DropVLANTagged:   {open, 0, plain(macB, macA, 1)},
		frame.DropVLANUntagged: {trunk, trunk1020, plain(macB, macA)},
		frame.DropVLANForeign:  {trunk, trunk1020, plain(macB, macA, 30)},
		frame.DropSpoofMAC:     {guarded, 0, plain(macB, macC)},
		frame.DropSpoofIP:      {guarded, 0, ether(macB, macA, frame.TypeIPv4, ip4(ip4B, 99, nil))},
		frame.DropSpoofARP:     {guarded, 0, arp(macA, frame.ARPReply, macA, ip4B)},
		frame.DropRogueDHCP:    {guarded, 0, ether(macB, macA, frame.TypeIPv4, ip4(ip4A, frame.ProtoUDP, udp(67, 68)))},
		frame.DropStorm:        {storm, 0, plain(frame.Broadcast, macA)},
		frame.DropSamePort:     {open, 0, plain(macA, macA)},
		frame.DropIsolated:     {isolated, 0, plain(macB, macA)},
		frame.DropNoEgress:     {open, 0, plain(macB, macA)},
		frame.DropRunt:         {open, 0, make([]byte, 13)}, // the parse's verdict stays
	} {
		if got := c.send(c.in, c.bytes); got != want.String() {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// 01:80:c2:00:00:00 to 0f stay on their link; their neighbours do not.
func TestLinkLocalGroups(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{})
	for i := range frame.MAC(16) {
		r.expect(0, plain(0x01_80_c2_00_00_00+i, macA), "link-local-group")
	}
	if got := r.where(macA); got != "-" {
		t.Errorf("a frame that was not admitted was learned: %s", got)
	}
	r.expect(0, plain(0x01_80_c2_00_00_10, macA), "1")
	r.expect(0, plain(0x01_80_c1_ff_ff_ff, macA), "1")
}

// Frames that ended before stay as they are, also at a port that takes none.
func TestForwardKeepsVerdicts(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{Down: true})
	for _, in := range []frame.PortID{0, 2, 9} {
		b := r.batch(in, plain(macB, macA), plain(macB, macC))
		b.Frames[1].Drop = frame.Consumed
		r.sw.Forward(0, b)
		if got := b.Frames[1].Drop; got != frame.Consumed {
			t.Errorf("port %d: verdict became %v", in, got)
		}
	}
	if got := r.where(macC); got != "-" {
		t.Error("the source of a consumed frame was learned")
	}
}

func TestIsolation(t *testing.T) {
	iso := PortConfig{Isolated: true}
	r := newRig(t, Config{}, iso, iso, PortConfig{}, PortConfig{})
	r.learn(1, macB)
	r.learn(2, macC)
	r.expect(0, plain(frame.Broadcast, macA), "2 3")
	r.expect(0, plain(groupIP6, macA), "2 3")
	r.expect(0, plain(macD, macA), "2 3") // unknown
	r.expect(0, plain(macB, macA), "isolated")
	r.expect(0, plain(macC, macA), "2")
	r.expect(2, plain(macB, macC), "1")
	r.expect(2, plain(frame.Broadcast, macC), "0 1 3")

	alone := newRig(t, Config{}, iso, iso)
	alone.expect(0, plain(frame.Broadcast, macA), "no-egress")
}

// A port that is alone in its VLAN has nobody to talk to, and no storm budget is
// spent on that.
func TestNoEgress(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{Storm: 1})
	for range 3 {
		r.expect(0, plain(frame.Broadcast, macA), "no-egress")
	}
	r.add(PortConfig{})
	r.expect(0, plain(frame.Broadcast, macA), "1")
	r.expect(0, plain(frame.Broadcast, macA), "storm")
}

// The memory of the last source and destination within a batch does not blur
// different stations.
func TestBatchOfMixedFrames(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{}, PortConfig{VLAN: VLANConfig{Access: 2}})
	r.learn(1, macB)
	r.learn(2, macC)
	b := r.batch(0,
		plain(macB, macA), plain(macB, macA), plain(macC, macA), plain(macB, macD),
		plain(frame.Broadcast, macD), plain(macD, macA), plain(macC, macA), plain(macB, macA, 7), plain(macB, macA))
	r.sw.Forward(0, b)
	want := []string{"1", "1", "2", "1", "1 2", "same-port", "2", "tagged-on-access", "1"}
	for i := range want {
		if got := verdict(0, &b.Frames[i]); got != want[i] {
			t.Errorf("frame %d: got %q, want %q", i, got, want[i])
		}
	}
	if a, d := r.where(macA), r.where(macD); a != "0" || d != "0" {
		t.Errorf("A and D are behind %s and %s", a, d)
	}
}

func TestKinds(t *testing.T) {
	r := newRig(t, Config{Workers: 2}, PortConfig{Storm: 3}, PortConfig{})
	r.learn(1, macB)
	b := r.batch(0,
		plain(macB, macA), plain(macB, macA), plain(macC, macA), plain(frame.Broadcast, macA),
		plain(groupIP6, macA), plain(groupIP6, macA), plain(macA, macA), plain(macB, 0))
	r.sw.Forward(1, b)
	r.expect(0, plain(macB, macA), "1") // on the other worker
	got, ok := r.sw.Kinds(0)
	// The last group frame was one too many for the storm limit: dropped, not counted.
	if want := (Kinds{Unicast: 3, Multicast: 1, Broadcast: 1, Unknown: 1}); !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, ok := r.sw.Kinds(5); ok {
		t.Error("a port that is not there has counts")
	}
}

// An engine leaves out the port that a frame came in by, so it may stand in the
// verdict; every list is one of the snapshot's, never longer than its VLAN.
func TestVerdictIsBorrowed(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	b := r.batch(0, plain(frame.Broadcast, macA), plain(frame.Broadcast, macA))
	r.sw.Forward(0, b)
	if &b.Frames[0].Out[0] != &b.Frames[1].Out[0] || len(b.Frames[0].Out) != 3 {
		t.Errorf("%v and %v are not the same list of all three ports", b.Frames[0].Out, b.Frames[1].Out)
	}
}
