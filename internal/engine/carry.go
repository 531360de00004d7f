package engine

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// carry takes a batch that was read from a from parsing to the egress ports, and
// with it all that local ports have to say to that. Its frames have just entered:
// their Verdicts are zero.
func (w *worker) carry(a *attachment, b *frame.Batch) {
	w.worked = true
	w.pass(a, b)
	w.chain.follow()
}

// pass takes a batch that entered by a once through the switch.
func (w *worker) pass(a *attachment, b *frame.Batch) {
	b.In, b.Now = a.id, w.now
	live := b.Live()
	for i := range live {
		f := &live[i]
		if f.Drop = f.Parse(); f.Drop == frame.Accepted {
			f.Drop = offload.Check(f)
		}
	}
	w.e.cfg.Forwarder.Forward(w.index, b)
	w.tx.deliver(w.e.table.Load(), a, b)
	w.batches.Add(1)
}

// transmitter carries out verdicts. Frames that leave by the same port one after
// the other are written as one run.
type transmitter struct {
	w    *worker
	from frame.PortID
	to   *attachment
	run  []*frame.Frame
}

func (t *transmitter) init(w *worker) {
	t.w = w
	t.run = make([]*frame.Frame, 0, slots)
}

// deliver books or sends every frame of b, which came in by from.
func (t *transmitter) deliver(tab *table, from *attachment, b *frame.Batch) {
	t.from = from.id
	in := &from.ledger[t.w.index]
	live := b.Live()
	for i := range live {
		f := &live[i]
		switch {
		case f.Drop != frame.Accepted:
			in.End(f.Drop)
		case len(f.Out) == 1 && f.Out[0].Port != from.id:
			t.unicast(tab, in, f, f.Out[0])
		default:
			t.flood(tab, from, in, f)
		}
	}
	t.flush()
}

// unicast sends f by one port.
func (t *transmitter) unicast(tab *table, in *frame.Ledger, f *frame.Frame, e frame.Egress) {
	if !inForm(f, foreign(f), e.VID) {
		offload.Retag(f, e.VID)
	}
	t.send(tab, in, f, e)
}

// flood sends f by every port of its verdict but the one that it came from. The
// forms are made one after the other in the same bytes, so a form is written out
// before the next is made.
func (t *transmitter) flood(tab *table, from *attachment, in *frame.Ledger, f *frame.Frame) {
	form, inner := offload.FormOf(f), foreign(f)
	sent := 0
	for _, e := range f.Out {
		if e.Port == from.id {
			continue
		}
		if !inForm(f, inner, e.VID) {
			t.flush()
			t.w.loop.settle()
			form.Retag(f, e.VID)
		}
		t.send(tab, in, f, e)
		sent++
	}
	switch {
	case sent == 0:
		in.End(frame.DropNoEgress)
	case sent > 1:
		in.Copies.Add(uint64(sent - 1))
	}
}

// send adds f to the run of its egress port.
func (t *transmitter) send(tab *table, in *frame.Ledger, f *frame.Frame, e frame.Egress) {
	at := tab.at(e.Port)
	switch {
	case at == nil:
		in.End(frame.DropPortGone)
	case f.Len-int(f.L3) > at.mtu && packetLen(f) > at.mtu:
		at.ledger[t.w.index].End(frame.DropMTU)
	default:
		if at != t.to || len(t.run) == cap(t.run) {
			t.flush()
			t.to = at
		}
		t.run = append(t.run, f)
	}
}

// flush writes the run, or has it served.
func (t *transmitter) flush() {
	if len(t.run) > 0 {
		if t.to.local == nil {
			t.w.loop.write(t.to, t.run)
		} else {
			t.w.chain.serve(t.to, t.from, t.run)
		}
		t.run = t.run[:0]
	}
	t.to = nil
}

// foreign returns how many tags of a frame that has just entered are payload: all
// but the outermost, which is the switch's own.
func foreign(f *frame.Frame) uint8 { return max(f.Tags, 1) - 1 }

// inForm reports whether f, of whose tags inner are payload, has the form that an
// egress wants. An inner tag of the wanted VLAN is not the switch's own.
func inForm(f *frame.Frame, inner uint8, vid uint16) bool {
	if vid == 0 {
		return f.Tags == inner
	}
	return f.Tags > inner && f.VID() == vid
}

// packetLen returns the length of the longest layer-3 packet that f is on a
// wire: its own, or that of a segment of a super-frame.
func packetLen(f *frame.Frame) int {
	h := offload.Vnet(f.Vnet())
	if !h.GSO() || f.L4 == 0 {
		return f.Len - int(f.L3)
	}
	header := 8
	if f.Proto == frame.ProtoTCP {
		header = int(f.Bytes()[f.L4+12]>>4) * 4
	}
	return int(f.L4-f.L3) + header + int(h.GSOSize())
}
