package nat

import "sync/atomic"

// The record of a flow
//
// 128 bytes, two cache lines. The first is written once, before the record is published,
// and then shared by all who read it; the second has what packets change, and what is
// the lock's. A record is live while its generation is odd. Who removes it makes the
// generation even before anything else, so a reader that found the same odd generation
// before and after it copied the first line has copied one flow, whole.

// record is one flow.
type record struct {
	gen     atomic.Uint32
	mapping uint32 // none: it has its outer port for itself; under the lock
	// ends are the addresses inside, outer and remote, by dir and remoteEnd.
	ends [3]struct{ hi, lo atomic.Uint64 }
	// ports has the three ports in the same order, from the top, then flags and kind.
	ports atomic.Uint64

	state   atomic.Uint32 // generation<<16 | history
	seen    atomic.Uint32 // second of the last packet that kept it alive
	traffic [2]struct{ packets, bytes atomic.Uint64 }

	// Under the lock:
	next, prev [lists]uint32 // in its queue
	queue      uint8
	holds      bool // it is one of its mapping's holders
	_          [6]byte
}

const remoteEnd = 2

// Flags of a record, in the word of its ports.
const (
	// flagBothWays: packets of both directions keep it alive, not only those from
	// inside.
	flagBothWays = 1 << (9 + iota)
	// flagForwarded: it began outside.
	flagForwarded
	// flagDNS: it is UDP to port 53.
	flagDNS
)

func portShift(e int) int { return 48 - 16*e }

// flowKey is what a flow is made of.
type flowKey struct {
	kind                  kind
	flags                 uint64
	inside, outer, remote end
}

func (k *flowKey) dns() bool { return k.flags&flagDNS != 0 }

// publish fills the record and makes it live. The caller holds the lock.
func (r *record) publish(k *flowKey, s history, sec uint32) {
	ports := uint64(k.kind) | k.flags
	for i, e := range [3]end{k.inside, k.outer, k.remote} {
		r.ends[i].hi.Store(e.a.hi)
		r.ends[i].lo.Store(e.a.lo)
		ports |= uint64(e.port) << portShift(i)
	}
	r.ports.Store(ports)
	gen := r.gen.Load() + 1
	r.state.Store(gen<<16 | uint32(s))
	r.seen.Store(sec)
	for i := range r.traffic {
		r.traffic[i].packets.Store(0)
		r.traffic[i].bytes.Store(0)
	}
	r.gen.Store(gen)
}

// retire makes the record free. The caller holds the lock.
func (r *record) retire() { r.gen.Add(1) }

func (r *record) end(i int, ports uint64) end {
	return end{addr{r.ends[i].hi.Load(), r.ends[i].lo.Load()}, uint16(ports >> portShift(i))}
}

// key returns what the flow is made of and its generation; not ok where there is none,
// or another than when the reading began.
func (r *record) key() (k flowKey, gen uint32, ok bool) {
	gen = r.gen.Load()
	ports := r.ports.Load()
	k = flowKey{
		kind: kind(ports & kindMask), flags: ports & (flagBothWays | flagForwarded | flagDNS),
		inside: r.end(int(out), ports), outer: r.end(int(in), ports), remote: r.end(remoteEnd, ports),
	}
	return k, gen, gen&1 != 0 && r.gen.Load() == gen
}

func (r *record) history() history { return history(r.state.Load()) }

// match is a flow that a packet belongs to.
type match struct {
	r     *record
	id    uint32
	gen   uint32
	flags uint64
	to    end // what its near end becomes
}

// match compares the record with a packet that goes d.
func (r *record) match(d dir, p *packet) (m match, ok bool) {
	gen := r.gen.Load()
	ports := r.ports.Load()
	near := uint16(ports >> portShift(int(d)))
	if near != p.near.port || uint16(ports>>portShift(remoteEnd)) != p.remote.port || kind(ports&kindMask) != p.kind {
		return m, false
	}
	e, rem := &r.ends[d], &r.ends[remoteEnd]
	if e.lo.Load() != p.near.a.lo || rem.lo.Load() != p.remote.a.lo ||
		e.hi.Load() != p.near.a.hi || rem.hi.Load() != p.remote.a.hi {
		return m, false
	}
	m = match{r: r, gen: gen, flags: ports, to: r.end(int(1-d), ports)}
	return m, gen&1 != 0 && r.gen.Load() == gen
}
