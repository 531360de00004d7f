package testnet

import (
	"testing"
	"time"

	"vswitch/internal/frame"
)

// Patience bounds every wait for something that must happen.
const Patience = 20 * time.Second

// pause is between two looks at something that cannot be waited for.
const pause = 2 * time.Millisecond

// Eventually reports whether ok came to hold within Patience.
func Eventually(ok func() bool) bool {
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(pause) {
		if ok() {
			return true
		}
	}
	return ok()
}

// quietLooks is how many looks in a row must find the same numbers.
const quietLooks = 10

// AtRest waits until a switch's counts stand still and returns them. A switch
// whose stations chat without end comes to rest between two frames at least: the
// counts must be balanced for quietLooks looks in a row.
func AtRest(t testing.TB, totals func() frame.Totals) frame.Totals {
	t.Helper()
	last, same := totals(), 0
	ok := Eventually(func() bool {
		now := totals()
		if same++; now != last || !now.Balanced() {
			same = 0
		}
		last = now
		return same == quietLooks
	})
	if !ok {
		t.Errorf("the switch does not come to rest balanced: in %d + copies %d, out %d + dropped %d + consumed %d",
			last.RxFrames, last.Copies, last.TxFrames, last.Dropped(), last.Ends[frame.Consumed])
	}
	return last
}
