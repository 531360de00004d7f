package vswitch

import (
	"cmp"
	"iter"
	"math/bits"

	"vswitch/internal/frame"
)

// vlanSet is a set of VLAN numbers.
type vlanSet [4096 / 64]uint64

func (s *vlanSet) add(vid uint16)      { s[vid/64] |= 1 << (vid % 64) }
func (s *vlanSet) has(vid uint16) bool { return s[vid/64&63]>>(vid%64)&1 != 0 }

func (s *vlanSet) addAll(other *vlanSet) {
	for i, word := range other {
		s[i] |= word
	}
}

// each goes through the set, ascending.
func (s *vlanSet) each() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// membership is the VLAN side of a port: immutable.
type membership struct {
	trunk  bool
	native uint16 // VLAN of untagged frames; 0: none
	set    vlanSet
	// out has the ways out by this port, made once so that a verdict can point at
	// one: out[0] untagged, out[vid] tagged. An access port has the first only.
	out []frame.Egress
}

func newMembership(id frame.PortID, c VLANConfig) *membership {
	m := &membership{trunk: len(c.Trunk) > 0}
	if !m.trunk {
		m.native = cmp.Or(c.Access, DefaultVID)
		m.set.add(m.native)
		m.out = []frame.Egress{{Port: id}}
		return m
	}
	m.native = c.Native
	m.out = make([]frame.Egress, maxVID+1)
	for vid := range m.out {
		m.out[vid] = frame.Egress{Port: id, VID: uint16(vid)}
	}
	for _, vid := range c.Trunk {
		m.set.add(vid)
	}
	if m.native != 0 {
		m.set.add(m.native)
	}
	return m
}

// classify says which VLAN a frame that came in by the port belongs to (IEEE
// 802.1Q-2022, 6.9.1: a priority tag, VID 0, counts as untagged). The outermost
// tag decides, whatever its type. An access port takes no tag but one for
// priority, and nothing behind that.
func (m *membership) classify(f *frame.Frame) (uint16, frame.Reason) {
	vid := uint16(0)
	if f.Tags > 0 {
		vid = f.VID()
	}
	switch {
	case !m.trunk && (vid != 0 || f.Tags > 1):
		return 0, frame.DropVLANTagged
	case vid == 0 && m.native == 0:
		return 0, frame.DropVLANUntagged
	case vid == 0:
		return m.native, frame.Accepted
	case !m.set.has(vid):
		return 0, frame.DropVLANForeign
	}
	return vid, frame.Accepted
}

// egress returns the one way out by the port for a frame of VLAN vid, which the
// port is in.
func (m *membership) egress(vid uint16) []frame.Egress {
	if !m.trunk || vid == m.native {
		return m.out[0:1:1]
	}
	return m.out[vid : vid+1 : vid+1]
}
