package nat

import (
	"fmt"
	"testing"

	"vswitch/internal/frame"
)

func limits(flows, perSource int) func(*Config) {
	return func(c *Config) { c.MaxFlows, c.MaxPerSource = flows, perSource }
}

// A flood of half-open connections, from inside and from outside, and of datagrams that
// nobody answers pushes out none that is established.
func TestFloodSparesTheEstablished(t *testing.T) {
	for _, p := range []Personality{FullCone, Symmetric} {
		r := newRig(t, personality(p), limits(300, 300))
		must(t, r.t.SetForwards([]Forward{forward(frame.ProtoTCP, "", 80, at(hostB, 80))}))
		for i := range uint16(100) {
			r.connect(at(hostA, 2000+i), x)
			s := r.out(udp(at(hostA, 2000+i), x))
			r.in(udp(swap(s)))
		}
		for i := range uint16(2000) {
			r.t.Out(r.now, slot(t, tcp(at(hostB, 3000+i), y, synFlag)))
			r.t.Out(r.now, slot(t, udp(at(hostB, 3000+i), y)))
			r.t.In(r.now, slot(t, tcp(at(hostY, 3000+i), at(outer4, 80), synFlag)))
		}
		if c := r.t.Counts(); c.Flows != 300 || c.Evicted != c.Opened-300 || c.Evicted < 5000 {
			t.Errorf("%v: %+v", p, c)
		}
		for i := range uint16(100) {
			r.out(tcp(at(hostA, 2000+i), x, ackFlag))
			r.in(udp(x, at(outer4, 2000+i)))
		}
	}
}

// A table full of what is established takes nothing more; what is closed goes first.
func TestFullTable(t *testing.T) {
	r := newRig(t, limits(10, 10))
	for i := range uint16(10) {
		r.connect(at(hostA, 2000+i), x)
	}
	r.refuse(opOut, tcp(a, x, synFlag), frame.DropNATLimit)
	r.refuse(opOut, tcp(b, x, synFlag), frame.DropNATLimit)
	if c := r.t.Counts(); c.Mappings != 10 {
		t.Errorf("%+v", c)
	}
	r.out(tcp(at(hostA, 2003), x, rstFlag))
	r.out(tcp(b, x, synFlag))
	r.refuse(opOut, tcp(at(hostA, 2003), x, ackFlag), frame.DropNoFlow)
	r.out(tcp(at(hostA, 2004), x, ackFlag))
	// A half-open one goes before one that waits, but only for somebody new.
	r.out(tcp(at(hostB, 9), x, synFlag))
	r.refuse(opIn, tcp(x, at(outer4, b.Port()), synFlag|ackFlag), frame.DropNoFlow)
}

// One source has its share, and makes room for itself out of it.
func TestSourceLimit(t *testing.T) {
	r := newRig(t, limits(100, 5))
	for i := range uint16(5) {
		r.connect(at(hostA, 2000+i), x)
	}
	r.refuse(opOut, tcp(a, x, synFlag), frame.DropNATLimit)
	for i := range uint16(20) {
		r.out(udp(at(hostB, 2000+i), x))
	}
	if c := r.t.Counts(); c.Flows != 10 || c.Evicted != 15 {
		t.Errorf("%+v", c)
	}
}

// The mapping by which a packet comes in stays when making room ends its last flow.
func TestRoomKeepsTheMapping(t *testing.T) {
	r := newRig(t, limits(1, 1))
	s := r.out(udp(a, x))
	if in := r.in(udp(y, s.src)); in.dst != a {
		t.Errorf("went to %v", in.dst)
	}
	if c := r.t.Counts(); c.Flows != 1 || c.Evicted != 1 || c.Mappings != 1 {
		t.Errorf("%+v", c)
	}
}

// What others have waiting does not keep a source from making room out of its own.
func TestSourceLimitBehindOthers(t *testing.T) {
	r := newRig(t, limits(1000, 5))
	for i := range 40 {
		for j := range uint16(5) {
			r.out(udp(at(fmt.Sprintf("10.0.1.%d", i), 2000+j), x))
		}
	}
	for i := range uint16(5) {
		r.out(udp(at(hostA, 2000+i), x))
	}
	for i := range uint16(100) {
		r.out(udp(at(hostA, 3000+i), x))
	}
	if c := r.t.Counts(); c.Flows != 205 || c.Evicted != 100 {
		t.Errorf("%+v", c)
	}
	r.t.check(t)
}
