package tcp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
)

const (
	// maxGather is how many segments of a run are sent in one system call.
	maxGather = 64
	// maxStash bounds what is kept of all connections that their sockets did not take,
	// in bytes, maxStashed what is kept of one.
	maxStash   = 16 << 20
	maxStashed = 2 << 20
)

// gather is the text of one connection in a run, in the slots that it came in. It is
// sent when the run is over, or another connection's text comes.
type gather struct {
	id    uint32 // flow.None: nobody's
	n     int
	bytes int
	iov   [maxGather]unix.Iovec
	msg   unix.Msghdr
}

func (g *gather) drop() { g.id, g.n, g.bytes = flow.None, 0, 0 }

// arriveText takes payload and FIN. Nothing is put in order here: what is ahead of the
// next byte is asked for again, by an ACK for each such segment, which the container
// counts.
func (s *Shard) arriveText(id uint32, r *record, t frame.TCP, seq uint32, payload []byte) frame.Reason {
	if seq != r.rcvNxt {
		s.flushGather()
		s.sendAck(r)
		return frame.DropTCPWindow
	}
	if r.has(flagInFin) {
		return frame.DropTCPWindow
	}
	s.needAck(id, r)
	if len(payload) > 0 {
		if end := s.take(id, r, t, payload); end != frame.Consumed {
			return end
		}
	}
	if t.Flags()&fin != 0 && !cut(t, seq, payload) {
		s.arriveFin(id, seq+uint32(len(payload)))
	}
	return frame.Consumed
}

// take takes the next bytes, which count as taken at once; what neither the socket nor
// the stash has room for is given back when it turns out.
func (s *Shard) take(id uint32, r *record, t frame.TCP, payload []byte) frame.Reason {
	if t.Flags()&urg != 0 {
		if k := urgentAt(t, r.rcvNxt, len(payload)); k >= 0 {
			return s.takeUrgent(id, r, payload, k)
		}
	}
	if s.gather.id != id || s.gather.n == maxGather {
		s.flushGather()
		if r.state == unused {
			return frame.Consumed
		}
	}
	if s.stashed > 0 && len(s.stashes[id]) > 0 {
		return s.takeBehind(id, r, payload)
	}
	s.gatherText(id, r, payload)
	return frame.Consumed
}

// gatherText adds to what is gathered, which is empty or the same connection's.
func (s *Shard) gatherText(id uint32, r *record, payload []byte) {
	g := &s.gather
	if len(payload) == 0 {
		return
	}
	g.id = id
	g.iov[g.n].Base = unsafe.SliceData(payload)
	g.iov[g.n].SetLen(len(payload))
	g.n++
	g.bytes += len(payload)
	r.took(len(payload))
}

// takeBehind takes bytes behind a stash.
func (s *Shard) takeBehind(id uint32, r *record, payload []byte) frame.Reason {
	n := s.stash(id, payload)
	r.took(n)
	if n < len(payload) {
		return frame.DropUplinkBusy
	}
	return frame.Consumed
}

func (r *record) took(n int) {
	r.rcvNxt += uint32(n)
	r.txLen += uint64(n)
}

// flushGather sends what was gathered. What the socket does not take is stashed.
func (s *Shard) flushGather() {
	g := &s.gather
	if g.n == 0 {
		return
	}
	id, r := g.id, &s.flows[g.id]
	sent, errno := s.sendGather(r)
	switch {
	case errno != 0 && errno != unix.EAGAIN:
		r.took(-g.bytes)
		s.broken(id, r)
	case sent < g.bytes:
		s.stashRest(id, r, sent)
	}
	g.drop()
}

func (s *Shard) sendGather(r *record) (int, unix.Errno) {
	g := &s.gather
	if !r.has(flagNoDelay) && r.txLen > uint64(g.bytes) {
		s.noDelay(r)
	}
	if g.n == 1 {
		return s.send(r.fd, unsafe.Slice(g.iov[0].Base, int(g.iov[0].Len)), 0)
	}
	g.msg.Iov = &g.iov[0]
	g.msg.SetIovlen(g.n)
	return s.sendGathered(r.fd, &g.msg)
}

// noDelay has small segments sent at once, though others are not acknowledged yet. The
// first one is in any case.
func (s *Shard) noDelay(r *record) {
	r.flags |= flagNoDelay
	s.calls[callOther]++
	setInt(int(r.fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// stashRest stashes what comes behind the first sent bytes of the gathered ones. What
// does not fit was never taken: the container sends it again.
func (s *Shard) stashRest(id uint32, r *record, sent int) {
	g := &s.gather
	left := g.bytes - sent
	for i := range g.n {
		b := unsafe.Slice(g.iov[i].Base, int(g.iov[i].Len))
		skip := min(sent, len(b))
		sent -= skip
		kept := s.stash(id, b[skip:])
		left -= kept
		if kept < len(b)-skip {
			break
		}
	}
	r.took(-left)
	r.flags |= flagWaitOut
}

// stash keeps what it has room for of b, behind what is kept already, and returns how
// much.
func (s *Shard) stash(id uint32, b []byte) int {
	old := s.stashes[id]
	n := max(min(len(b), maxStash-s.stashed, maxStashed-len(old)), 0)
	if n == 0 {
		return 0
	}
	s.stashes[id] = append(old, b[:n]...)
	s.stashed += n
	s.counts.StashedBytes += uint64(n)
	s.x.Ledger().CopiedBytes.Add(uint64(n))
	return n
}

func (s *Shard) dropStash(id uint32) {
	if b, ok := s.stashes[id]; ok {
		s.stashed -= len(b)
		delete(s.stashes, id)
	}
}

// arriveFin takes the container's FIN, which is passed on behind all that it sent.
// It counts only if all of that was taken.
func (s *Shard) arriveFin(id, number uint32) {
	s.flushGather()
	r := &s.flows[id]
	if r.state == unused || r.rcvNxt != number {
		return
	}
	r.rcvNxt++
	r.rcvEdge = later(r.rcvEdge, r.rcvNxt) // its number needs no room
	r.flags |= flagInFin
	s.shut(id, r)
}

// shut passes the FIN on once the socket has all that came before it.
func (s *Shard) shut(id uint32, r *record) {
	if r.has(flagInFin) && !r.has(flagShut) && len(s.stashes[id]) == 0 {
		r.flags |= flagShut
		s.calls[callOther]++
		shutdownWrite(int(r.fd))
		s.enqueue(id)
	}
}
