package engine

import "vswitch/internal/frame"

// EnterAt is Enter by local port id instead of the one that x stands for, for a local
// port that works together with another one. Without that port the slot is given back
// and nothing enters.
func (x *Exchange) EnterAt(slot []byte, n int, id frame.PortID) {
	at := x.w.e.table.Load().at(id)
	if at == nil || at.local == nil {
		x.Return(slot)
		return
	}
	was := x.at
	x.at = at
	x.Enter(slot, n)
	x.at = was
}
