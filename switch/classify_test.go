package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

// One port of each kind, then two that show in which VLAN a frame was flooded.
const (
	access10 = iota
	trunk1020
	trunkNative
	access20
)

func vlanRig(t *testing.T) *rig {
	return newRig(t, Config{},
		PortConfig{VLAN: VLANConfig{Access: 10}},
		PortConfig{VLAN: VLANConfig{Trunk: []uint16{10, 20}}},
		PortConfig{VLAN: VLANConfig{Trunk: []uint16{20, 30}, Native: 10}},
		PortConfig{VLAN: VLANConfig{Access: 20}},
	)
}

func TestClassify(t *testing.T) {
	const prio = 5 << 13
	for _, c := range []struct {
		name string
		in   frame.PortID
		tags []uint16
		want string
	}{
		{"access, untagged", access10, nil, "1/10 2"},
		{"access, priority tag", access10, []uint16{prio}, "1/10 2"},
		{"access, its own VLAN's tag", access10, []uint16{10}, "tagged-on-access"},
		{"access, another VLAN's tag", access10, []uint16{20}, "tagged-on-access"},
		{"access, a tag behind a priority tag", access10, []uint16{prio, 20}, "tagged-on-access"},
		{"access, two tags", access10, []uint16{10, 20}, "tagged-on-access"},
		{"trunk, untagged", trunk1020, nil, "untagged-on-trunk"},
		{"trunk, priority tag", trunk1020, []uint16{prio}, "untagged-on-trunk"},
		{"trunk, VLAN that others have native", trunk1020, []uint16{10}, "0 2"},
		{"trunk, VLAN", trunk1020, []uint16{prio | 20}, "2/20 3"},
		{"trunk, VLAN not allowed", trunk1020, []uint16{30}, "vlan-not-allowed"},
		{"trunk, reserved VLAN", trunk1020, []uint16{4095}, "vlan-not-allowed"},
		{"trunk, inner tag is payload", trunk1020, []uint16{20, 30}, "2/20 3"},
		{"trunk, inner tag would come out at a native port", trunk1020, []uint16{10, 30}, "vlan-not-allowed"},
		{"native, untagged", trunkNative, nil, "0 1/10"},
		{"native, priority tag", trunkNative, []uint16{prio}, "0 1/10"},
		{"native, tagged all the same", trunkNative, []uint16{10}, "0 1/10"},
		{"native, other VLAN", trunkNative, []uint16{20}, "1/20 3"},
		{"native, VLAN that nobody else has", trunkNative, []uint16{30}, "no-egress"},
		{"native, VLAN not allowed", trunkNative, []uint16{40}, "vlan-not-allowed"},
		{"native, a tag behind a priority tag", trunkNative, []uint16{0, 20}, "vlan-not-allowed"},
		{"native, two tags of an ordinary VLAN", trunkNative, []uint16{20, 10}, "1/20 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := vlanRig(t)
			r.expect(c.in, plain(frame.Broadcast, macA, c.tags...), c.want)
		})
	}
}

// A service tag (802.1ad) as the outermost counts like any tag.
func TestClassifyServiceTag(t *testing.T) {
	r := vlanRig(t)
	b := plain(frame.Broadcast, macA, 20)
	frame.Ethernet(b).Tag().SetTPID(frame.TypeQinQ)
	r.expect(trunk1020, b, "2/20 3")
	r.expect(access20, b, "tagged-on-access")
}

// Unicast leaves in the form that the port wants, and a station is known in the
// VLAN in which it was seen only.
func TestUnicastForms(t *testing.T) {
	r := vlanRig(t)
	r.learn(trunkNative, macB, 20)
	r.learn(trunkNative, macC)
	r.learn(access10, macA)
	r.learn(trunk1020, macD, 10)
	r.expect(access20, plain(macB, macD), "2/20")
	r.expect(access10, plain(macC, macA), "2")
	r.expect(trunkNative, plain(macA, macC), "0")
	r.expect(trunk1020, plain(macA, macD, 10), "0")
	r.expect(access10, plain(macD, macA), "1/10")
	r.expect(access10, plain(macB, macA), "1/10 2") // known in VLAN 20, not in 10
}

// The default VLAN is 1, also for a native one.
func TestDefaultVLAN(t *testing.T) {
	r := newRig(t, Config{},
		PortConfig{}, PortConfig{VLAN: VLANConfig{Access: 1}},
		PortConfig{VLAN: VLANConfig{Trunk: []uint16{1, 2}}}, PortConfig{VLAN: VLANConfig{Access: 2}})
	r.expect(0, plain(frame.Broadcast, macA), "1 2/1")
	r.expect(3, plain(frame.Broadcast, macA), "2/2")
}
