package daemon

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	vswitch "vswitch/switch"
)

// Frames that are cut, stretched and changed at random end somewhere, counted, and
// disturb nobody.
func TestGarbage(t *testing.T) {
	const frames = 20_000
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		evil := r.join("evil", 3, unguarded)
		random := rand.New(rand.NewPCG(1, 2))
		// From nobody to nobody: no kernel is to answer, or to remember, any of this.
		v4, to4 := netip.MustParseAddr("10.77.66.66"), netip.MustParseAddr("10.77.66.67")
		v6, to6 := netip.MustParseAddr("fd77::66:66"), netip.MustParseAddr("fd77::66:67")
		seeds := [][]byte{
			testnet.UDP(b.host().MAC, foreignMAC, v4, to4, payload(0)),
			testnet.UDP(b.host().MAC, foreignMAC, v6, to6, payload(0)),
			testnet.ARP(foreignMAC, foreignMAC, v4, to4),
			testnet.Advertisement(b.host().MAC, foreignMAC, v6, to6, v6, foreignMAC),
			testnet.Tagged(b.host().MAC, foreignMAC, payload(0), 1, 2),
		}
		raw := evil.Raw(t)
		ping := a.Start(t, "ping", "-n", "-q", "-c", "50", "-i", "0.01", "-w", "20", b.V4.String())
		for range frames {
			raw.Send(t, garble(random, seeds[random.IntN(len(seeds))]))
		}
		ping.End(t)
		totals := r.rest()
		t.Logf("%d frames in, ends %v", totals.RxFrames, ends(totals))
		for _, why := range []frame.Reason{frame.DropIPv4, frame.DropIPv6, frame.DropARP, frame.DropTransport, frame.DropVLANTagged} {
			if totals.Ends[why] == 0 {
				t.Errorf("no frame ended as %v", why)
			}
		}
		a.MustPing(t, b.V4, 5)
		a.MustPing(t, b.V6, 5)
	})
}

// garble returns a frame like b with a few bytes behind the addresses changed, cut
// or grown to a length that the interface takes.
func garble(random *rand.Rand, b []byte) []byte {
	out := make([]byte, 15+random.IntN(200))
	if random.IntN(2) == 0 {
		out = make([]byte, len(b))
	}
	copy(out, b)
	for range 1 + random.IntN(4) {
		out[12+random.IntN(min(len(out), 60)-12)] = byte(random.Uint32())
	}
	return out
}

// A port floods no more than its storm limit allows; what is for one station passes.
func TestStormLimit(t *testing.T) {
	const limit, sent = 20, 400
	r := newRig(t, Config{})
	a, b := r.join("a", 1, port(vswitch.PortConfig{Storm: limit})), r.join("b", 2)
	a.MustPing(t, b.V4, 1)
	raw := a.Raw(t)
	for range sent {
		raw.Send(t, testnet.Ether(frame.Broadcast, a.host().MAC, payload(0)))
	}
	a.MustPing(t, b.V4, 20)
	// Each second that the sending took lets another limit pass.
	if n := r.drops(frame.DropStorm); n < sent/2 {
		t.Errorf("%d of %d broadcasts dropped, %d a second allowed", n, sent, limit)
	}
}

// A port has no more stations than its limit.
func TestLearnLimit(t *testing.T) {
	const limit, stations = 5, 50
	r := newRig(t, Config{})
	limited := func(c *MemberConfig) { c.Port.LearnLimit, c.NoGuard = limit, true }
	a, b := r.join("a", 1, limited), r.join("b", 2)
	raw := a.Raw(t)
	seen := b.Raw(t)
	for i := range frame.MAC(stations) {
		raw.Send(t, testnet.Ether(b.host().MAC, foreignMAC+i, payload(0)))
	}
	raw.Send(t, testnet.Ether(b.host().MAC, foreignMAC, []byte("the end")))
	seen.Until(t, []byte("the end"))
	n := 0
	for _, e := range r.FDB() {
		if e.Port == a.Port() {
			n++
		}
	}
	if n != limit {
		t.Errorf("%d stations behind a port with a limit of %d", n, limit)
	}
}
