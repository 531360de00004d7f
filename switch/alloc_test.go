package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

// Forward allocates nothing, whatever the frames are.
func TestForwardDoesNotAllocate(t *testing.T) {
	const burst = 32
	r := newRig(t, Config{FDBLimit: 64},
		PortConfig{Guard: guardA()}, PortConfig{Storm: 1000}, PortConfig{LearnLimit: 8},
		PortConfig{VLAN: VLANConfig{Trunk: []uint16{1}}}, PortConfig{Isolated: true})
	r.learn(0, macA)
	r.sw.SetResponder(&Responder{Port: 3, Knows: knows(known4, known6)})
	next := 0
	repeat := func(in frame.PortID, b []byte) *frame.Batch {
		frames := make([][]byte, burst)
		for i := range frames {
			frames[i] = append([]byte(nil), b...)
		}
		return r.batch(in, frames...)
	}
	fresh := func(b *frame.Batch) { // new sources
		for i := range b.Live() {
			next++
			b.Frames[i].Src = station(next)
		}
	}
	keep := func(*frame.Batch) {}
	refresh := func(b *frame.Batch) { b.Now += second }
	for _, c := range []struct {
		name string
		b    *frame.Batch
		edit func(*frame.Batch)
	}{
		{"unicast", repeat(1, plain(macA, macB)), keep},
		{"broadcast", repeat(0, plain(frame.Broadcast, macA)), keep},
		{"multicast", repeat(0, plain(groupIP6, macA)), keep},
		{"unknown", repeat(4, plain(macD, macC)), keep},
		{"storm", repeat(1, plain(macD, macB)), keep},
		{"guard", repeat(0, arp(macA, frame.ARPRequest, macA, ip4A)), keep},
		{"spoofed", repeat(0, arp(macA, frame.ARPReply, macA, ip4B)), keep},
		{"rogue", repeat(0, v4(ip4A, frame.ProtoUDP, udp(67, 68))), keep},
		{"answered, ARP", repeat(1, ask(frame.Broadcast, frame.ARPRequest, ip4A, known4)), keep},
		{"answered, ND", repeat(1, solicit(groupIP6, ip6A, known6)), keep},
		{"asked in vain", repeat(2, solicit(groupIP6, ip6A, unknown6)), keep},
		{"trunk", repeat(3, plain(macA, macC, 1)), keep},
		{"refresh", repeat(1, plain(macA, macB)), refresh},
		{"new addresses at the table's limit", repeat(4, plain(macA, macC)), fresh},
		{"new addresses at the port's limit", repeat(2, plain(macA, macC)), fresh},
		{"no port", repeat(99, plain(macA, macC)), keep},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := testing.AllocsPerRun(200, func() {
				for i := range c.b.Live() {
					c.b.Frames[i].Verdict = frame.Verdict{}
				}
				c.edit(c.b)
				r.sw.Forward(0, c.b)
			})
			if got != 0 {
				t.Errorf("%v allocations a batch", got)
			}
		})
	}
	if s := r.sw.FDBStats(); s.Evicted == 0 || s.Limited == 0 {
		t.Errorf("the limits were not reached: %+v", s)
	}
}
