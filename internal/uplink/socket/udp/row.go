package udp

import "vswitch/internal/uplink"

// A row
//
// The host's kernel gives small datagrams of its own one by one, and to enter each costs
// more than to receive it. Where all that a call has read were of one peer and one size,
// the next call is told to put as many bytes of each datagram side by side into one
// slot, the row, and what is longer into a slot of its own:
//
//	row      | headers | 1 1 1 1 | 2 2 2 2 | 3 3 3 3 | 4 4 |
//	slot 2                  | room for 4 bytes | rest of 2, if any |
//
// Where the guess was right the row is a super-frame and nothing was copied. What does
// not fit in, the first of another peer or size and all behind it, is moved to its slot,
// before its rest.

// lay says where message i goes, whose payload begins at in a slot.
func (r *receiver) lay(i, at int) {
	own, n := &r.iovs[i][0], 1
	if r.guess > 0 {
		own, n = &r.iovs[i][1], 2
		part := at + i*r.guess
		r.iovs[i][0].Base = &r.row[part]
		r.iovs[i][0].SetLen(r.guess)
	}
	rest := r.slots[i][at+r.guess:]
	own.Base = &rest[0]
	own.SetLen(len(rest))
	r.msgs[i].Hdr.SetIovlen(n)
}

// alike returns the size to guess: that of the datagrams of the last call, where they
// were of one peer and size, and each fits into mtu; 0 otherwise.
func (r *receiver) alike(got, mtu int) int {
	first := &r.in[0]
	if first.size != 0 && r.guess == 0 || got < 2 || first.n == 0 {
		return 0
	}
	size := first.n
	if r.guess > 0 { // first is all that was in the row
		if size = r.guess; first.n != got*size {
			return 0
		}
		return size
	}
	for i := range got {
		if a := &r.in[i]; !a.follows(first) || a.n != size {
			return 0
		}
	}
	if size+headers(first.peer.is4()) > mtu {
		return 0
	}
	return size
}

// follows reports whether a may be in a row with first.
func (a *arrival) follows(first *arrival) bool {
	return a.size == 0 && a.n > 0 && a.tos == first.tos && a.peer == first.peer && a.local == first.local
}

// align makes the first got messages arrivals in slots of their own, payload from at on,
// but for those in the row, whose number it returns: the first then stands for all of
// them, in the row's slot, in place of its own, which is given back.
func (s *Shard) align(x uplink.Outbox, got, at int) (aligned int) {
	r := &s.receiver
	if r.row == nil {
		return 0
	}
	total := 0
	for aligned < got {
		a := &r.in[aligned]
		if !a.follows(&r.in[0]) || a.n > r.guess {
			break
		}
		total += a.n
		if aligned++; a.n < r.guess {
			break
		}
	}
	for i := aligned; i < got; i++ {
		a := &r.in[i]
		n := copy(a.slot[at:at+min(a.n, r.guess)], r.row[at+i*r.guess:])
		x.Ledger().CopiedBytes.Add(uint64(n))
	}
	if aligned == 0 {
		x.Return(r.row)
		return 0
	}
	first := &r.in[0]
	x.Return(first.slot)
	first.slot, first.n = r.row, total
	if aligned > 1 {
		first.size = r.guess
	}
	return aligned
}
