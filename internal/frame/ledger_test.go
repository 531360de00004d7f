package frame

import (
	"testing"
	"unsafe"
)

func TestLedgerTotals(t *testing.T) {
	var in, out Ledger
	in.Rx(5, 500)
	in.Copies.Add(2)
	in.End(DropStorm)
	in.End(Consumed)
	out.Tx(4, 400)
	out.End(DropPortFull)
	var sum Totals
	in.AddTo(&sum)
	var part Totals
	out.AddTo(&part)
	sum.Add(part)
	if sum.RxFrames != 5 || sum.RxBytes != 500 || sum.TxFrames != 4 || sum.TxBytes != 400 || sum.Copies != 2 ||
		sum.Ends[DropStorm] != 1 || sum.Dropped() != 2 || sum.CopiedBytes != 0 {
		t.Errorf("%+v", sum)
	}
	if !sum.Balanced() {
		t.Error("5 in + 2 copies = 4 out + 2 dropped + 1 consumed, but not balanced")
	}
	if sum.TxFrames++; sum.Balanced() {
		t.Error("balanced with a frame too many")
	}
}

func TestLedgerFillsCacheLines(t *testing.T) {
	if n := unsafe.Sizeof(Ledger{}); n%64 != 0 {
		t.Errorf("%d bytes", n)
	}
}
