package nat

import (
	"math/bits"
	"sync/atomic"

	"vswitch/internal/frame"
)

// Outer ports
//
// A pool has the ports of one protocol and family. A mapping of a cone has its port for
// itself. With Symmetric several flows may share one, since their remote ends tell them
// apart; a port that nobody has is still taken first. Which port is drawn cannot be told
// from outside (RFC 6056): drawing begins at a place that a secret and a counter give.

const (
	portWords = 1 << 16 / 64
	// tries is how many ports are drawn where all are in use and have to be shared.
	tries = 64
	// neighbours is how many more are tried one after the other.
	neighbours = 1024

	allPorts  = ^uint64(0)
	evenPorts = 0x5555555555555555
)

// pool is written under the table's lock; used may be read without.
type pool struct {
	used   [portWords]atomic.Uint64
	fixed  [portWords]uint64 // of forwards
	shares []uint32          // how many flows have each, with Symmetric
}

// pools has one for each protocol with ports, and both families.
type pools [6]pool

func (p *pools) of(k kind) *pool {
	i := 0
	switch k.proto() {
	case frame.ProtoTCP:
	case frame.ProtoUDP:
		i = 1
	default:
		i = 2
	}
	if k.v6() {
		i += 3
	}
	return &p[i]
}

func (p *pool) inUse(port uint16) bool { return p.used[port/64].Load()>>(port%64)&1 != 0 }

func (p *pool) isFixed(port uint16) bool { return p.fixed[port/64]>>(port%64)&1 != 0 }

func (p *pool) fix(port uint16) { p.fixed[port/64] |= 1 << (port % 64) }

// take marks a port as used once, or once more.
func (p *pool) take(port uint16, share bool) {
	p.used[port/64].Or(1 << (port % 64))
	if !share {
		return
	}
	if p.shares == nil {
		p.shares = make([]uint32, 1<<16)
	}
	p.shares[port]++
}

// give takes back what take gave.
func (p *pool) give(port uint16, share bool) {
	if share {
		if p.shares[port]--; p.shares[port] > 0 {
			return
		}
	}
	p.used[port/64].And(^(uint64(1) << (port % 64)))
}

// search returns the first port from lo to hi that is in the mask and free.
func (p *pool) search(lo, hi int, mask uint64) (port uint16, ok bool) {
	for i := lo / 64; lo <= hi && i <= hi/64; i++ {
		free := ^(p.used[i].Load() | p.fixed[i]) & mask
		if i == lo/64 {
			free &= allPorts << (lo % 64)
		}
		if i == hi/64 {
			free &= allPorts >> (63 - hi%64)
		}
		if free != 0 {
			return uint16(i*64 + bits.TrailingZeros64(free)), true
		}
	}
	return 0, false
}

// portRange is which ports a kind may have outside.
func (t *Table) portRange(k kind) (lo, hi int) {
	if k.icmp() {
		return 0, 65535
	}
	return int(t.c.MinPort), int(t.c.MaxPort)
}

// draw returns a number that nobody outside can foresee.
func (t *Table) draw() uint64 {
	t.drawn++
	return splitmix(t.c.Seed ^ splitmix(t.drawn*saltFlow))
}

// freePort returns an outer port for an inside port that nobody has: the same, or one
// drawn, for UDP of the same parity if there is one (RFC 4787, REQ-4; RFC 7857,
// section 3).
func (t *Table) freePort(k kind, inside uint16) (port uint16, ok bool) {
	p := t.ports.of(k)
	lo, hi := t.portRange(k)
	if n := int(inside); n >= lo && n <= hi && !p.inUse(inside) && !p.isFixed(inside) {
		return inside, true
	}
	start := lo + int(t.draw()%uint64(hi-lo+1))
	if k.proto() == frame.ProtoUDP {
		if port, ok = p.around(lo, start, hi, evenPorts<<(inside&1)); ok {
			return port, true
		}
	}
	return p.around(lo, start, hi, allPorts)
}

// around searches from start to hi, and then from lo on.
func (p *pool) around(lo, start, hi int, mask uint64) (port uint16, ok bool) {
	if port, ok = p.search(start, hi, mask); ok {
		return port, true
	}
	return p.search(lo, start-1, mask)
}

// sharedPort returns an outer port at which fits: one that no flow has as long as there
// is any, so that each remote endpoint sees another port, and the flow's inside port
// first. Where more than 1,024 ports are all but full for one remote endpoint, it may
// miss the last free ones.
func (t *Table) sharedPort(k kind, inside uint16, fits func(port uint16) bool) (port uint16, ok bool) {
	p := t.ports.of(k)
	lo, hi := t.portRange(k)
	may := func(port uint16) bool { return !p.isFixed(port) && fits(port) }
	if port, ok = t.freePort(k, inside); ok && may(port) {
		return port, true
	}
	size := uint64(hi - lo + 1)
	for range tries {
		if port = uint16(lo + int(t.draw()%size)); may(port) {
			return port, true
		}
	}
	start := t.draw() % size
	for i := range min(size, neighbours) {
		if port = uint16(lo + int((start+i)%size)); may(port) {
			return port, true
		}
	}
	return 0, false
}
