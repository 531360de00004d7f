package portfwd

import (
	"slices"

	"golang.org/x/sys/unix"
)

// relay is a thread with the connections that it carries. Everything here is done
// with the poller's lock held.
type relay struct {
	*poller
	counts *counters
	pairs  []*pair // by number; those without a service are free
	free   []uint32
	pipes  pipes
}

// pair is one connection: the client's socket, then the container's.
type pair struct {
	age     uint32 // of the number: events of earlier connections are not meant
	service *service
	fds     [2]int
	pumps   [2]pump // each reads from the socket with its index
	moved   [2]uint64
}

const pairEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

func newRelay(counts *counters) (r *relay, err error) {
	r = &relay{counts: counts}
	r.poller, err = newPoller(r.ready)
	return r, err
}

// add takes over two connected sockets, also when it fails.
func (r *relay) add(s *service, client, server int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.number()
	p := r.pairs[n]
	*p = pair{
		age: p.age + 1, service: s, fds: [2]int{client, server},
		pumps: [2]pump{{src: client, dst: server}, {src: server, dst: client}},
	}
	for side, fd := range p.fds {
		if err := r.watch(fd, pairEvents, p.key(n, side)); err != nil {
			r.drop(n, true)
			return err
		}
	}
	return nil
}

func (r *relay) number() uint32 {
	if last := len(r.free) - 1; last >= 0 {
		n := r.free[last]
		r.free = r.free[:last]
		return n
	}
	r.pairs = append(r.pairs, &pair{})
	return uint32(len(r.pairs) - 1)
}

func (p *pair) key(n uint32, side int) uint64 {
	return uint64(p.age)<<32 | uint64(n)<<1 | uint64(side)
}

// ready carries on what the events of one socket concern: the direction that reads
// from it and, when it takes bytes again, the one that writes to it.
func (r *relay) ready(key uint64, events uint32) {
	n, side := uint32(key)>>1, int(key&1)
	p := r.pairs[n]
	if p.service == nil || p.age != uint32(key>>32) {
		return
	}
	if events == 0 {
		p.pumps[side].queued = false
	}
	if events&unix.EPOLLERR != 0 {
		r.reset(n)
		return
	}
	if back := &p.pumps[1-side]; events&unix.EPOLLOUT != 0 && back.blocked {
		back.blocked = false
		if !r.carry(n, 1-side) {
			return
		}
	}
	if events&^unix.EPOLLOUT != 0 || events == 0 {
		r.carry(n, side)
	}
}

// carry runs one direction and reports whether the connection is still there.
func (r *relay) carry(n uint32, side int) bool {
	p := r.pairs[n]
	pump := &p.pumps[side]
	moved, more, err := pump.run(&r.pipes)
	p.moved[side] += uint64(moved)
	r.counts.bytes[side].Add(uint64(moved))
	switch {
	case err != nil:
		r.reset(n)
		return false
	case p.pumps[0].done && p.pumps[1].done:
		r.drop(n, false)
		return false
	case more && !pump.queued:
		pump.queued = true
		r.later(p.key(n, side))
	}
	return true
}

// reset ends a connection of which one side was reset, or failed, as such for the
// other side, too. What came before is delivered, as far as the other side takes it.
func (r *relay) reset(n uint32) {
	r.counts.resets.Add(1)
	p := r.pairs[n]
	for side := range p.pumps {
		r.counts.bytes[side].Add(uint64(p.pumps[side].flush(&r.pipes)))
	}
	r.drop(n, true)
}

// drop closes a connection; hard: with a reset, also where bytes are on their way.
func (r *relay) drop(n uint32, hard bool) {
	p := r.pairs[n]
	for i := range p.fds {
		p.pumps[i].discard()
		hangUp(p.fds[i], hard)
	}
	p.service.counts.open.Add(-1)
	p.service = nil
	r.free = append(r.free, n)
	r.counts.open.Add(-1)
}

// end resets the connections of one service, or of all for nil.
func (r *relay) end(s *service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, p := range r.pairs {
		if p.service != nil && (s == nil || p.service == s) {
			r.drop(uint32(n), true)
		}
	}
	if s == nil {
		r.pipes.close()
	}
}

// load is how many connections it carries.
func (r *relay) load() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs) - len(r.free)
}

// lightest returns the relay with the fewest connections.
func lightest(relays []*relay) *relay {
	return slices.MinFunc(relays, func(a, b *relay) int { return a.load() - b.load() })
}

// hangUp closes a socket; hard: by a reset (SO_LINGER with no time, socket(7)).
func hangUp(fd int, hard bool) {
	if hard {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(fd)
}
