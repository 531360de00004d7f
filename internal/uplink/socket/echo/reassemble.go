package echo

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/fragment"
)

// Reassembly
//
// People send echo requests that are longer than the MTU. A socket takes messages, not
// fragments, so those are put together here. What is kept is bounded: a few messages a
// shard, half of them at most of one container, for two seconds. A fragment that is there
// already is forgotten.
const (
	maxMessages = 8
	maxOfOne    = maxMessages / 2
	patience    = 2 * second
	// maxMessage is the longest that a packet of IPv4 can carry, in bytes; it is for
	// IPv6, too.
	maxMessage = 65535 - frame.IPv4Len
)

// message is what has come of a message. Its memory is kept for the next, until Expire.
type message struct {
	fragment.Datagram
	key   fragment.Key
	until int64 // it is nothing any more from then on; 0: there is none
}

type messages [maxMessages]message

// fragment takes a fragment, and sends the message on that it completes.
func (s *Shard) fragment(x uplink.Outbox, n *uplink.Net, f *frame.Frame, q *request) frame.Reason {
	p, ok := fragment.Read(n.ID, q.proto(), f)
	switch {
	case !ok:
		return frame.DropUplinkProtocol
	case !p.Fits(maxMessage):
		return frame.DropTransport
	}
	m := s.messages.slot(&p.Key, s.now)
	if m == nil {
		return frame.DropUplinkBusy
	}
	if m.Add(&p) == fragment.Conflict {
		m.until = 0
		return frame.DropNATFragment
	}
	x.Ledger().CopiedBytes.Add(uint64(len(p.Body)))
	if q.msg = m.Whole(); q.msg == nil {
		return frame.Consumed
	}
	m.until, q.form.whole = 0, false
	return s.ask(x, n, q)
}

// slot returns the message that a fragment belongs to, or a place for one; nil if there
// is none.
func (m *messages) slot(k *fragment.Key, now int64) (free *message) {
	used := 0
	for i := range m {
		e := &m[i]
		switch {
		case e.until <= now:
			free = e
		case e.key == *k:
			return e
		case e.key.SameSender(k):
			used++
		}
	}
	if free == nil || used >= maxOfOne {
		return nil
	}
	free.Reset()
	free.key, free.until = *k, now+patience
	return free
}

// next returns the earlier of when, if ok, and the time at which a message ends.
func (m *messages) next(when int64, ok bool) (int64, bool) {
	for i := range m {
		if until := m[i].until; until != 0 && (!ok || until < when) {
			when, ok = until, true
		}
	}
	return when, ok
}

// drop forgets the messages that which says, and gives their memory back.
func (m *messages) drop(which func(*message) bool) {
	for i := range m {
		if which(&m[i]) {
			m[i] = message{}
		}
	}
}
