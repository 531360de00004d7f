package leg

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
	"vswitch/nat"
)

// A fragment from outside that has no hop left goes no further when the first has come:
// its count does not begin again at 255.
func TestFragmentsWithoutHops(t *testing.T) {
	for left, want := range map[uint8]int{0: 0, 1: 0, 2: 2} {
		r := newRig(t, nat.FullCone)
		ask := alice(v4.alice).UDP(53, netip.AddrPortFrom(v4.bob, 4000), []byte("q"), 0)
		r.out(ask, frame.Accepted)
		seen, _ := uplinktest.Ends(ask)
		all := fragments(bob(v4.bob), seen, 9)
		r.sent = nil
		for _, i := range []int{2, 1, 0} {
			f := fromBob(all[i])
			if i > 0 {
				f.IPv4().SetTTL(left)
			}
			r.Serve(r, []*frame.Frame{f})
		}
		copies := 0
		for _, s := range r.sent {
			if s.how == "copy" {
				copies++
			}
		}
		if copies != want || r.Lost() != uint64(2-want) {
			t.Errorf("%d hops left: %d fragments went on, %d were lost", left, copies, r.Lost())
		}
	}
}
