package daemon

import (
	"net/netip"
	"strings"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	vswitch "vswitch/switch"
)

const foreignMAC frame.MAC = 0x02_00_00_00_be_ef

// What a container claims to be and is not ends with its reason; its neighbour
// sees none of it. What is its own passes.
func TestAntiSpoofing(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		a.MustPing(t, b.V4, 1)
		a.MustPing(t, b.V6, 1)
		quiet(t, b)
		me, peer := a.host(), b.host()
		foreign4, foreign6 := netip.MustParseAddr("10.77.9.9"), netip.MustParseAddr("fd77::9:9")
		lie := []byte("a lie")
		raw, seen := a.Raw(t), b.Raw(t)
		for _, tt := range []struct {
			name  string
			frame []byte
			why   frame.Reason
		}{
			{"MAC", testnet.UDP(peer.MAC, foreignMAC, me.V4, peer.V4, lie), frame.DropSpoofMAC},
			{"MAC of the neighbour", testnet.Ether(frame.Broadcast, peer.MAC, lie), frame.DropSpoofMAC},
			{"group MAC", testnet.Ether(peer.MAC, frame.Broadcast, lie), frame.DropSourceGroup},
			{"MAC of nobody", testnet.Ether(peer.MAC, 0, lie), frame.DropSourceZero},
			{"IPv4", testnet.UDP(peer.MAC, me.MAC, foreign4, peer.V4, lie), frame.DropSpoofIP},
			{"IPv4 of the neighbour", testnet.UDP(peer.MAC, me.MAC, peer.V4, peer.V4, lie), frame.DropSpoofIP},
			{"IPv6", testnet.UDP(peer.MAC, me.MAC, foreign6, peer.V6, lie), frame.DropSpoofIP},
			{"ARP address", testnet.ARP(me.MAC, me.MAC, foreign4, peer.V4), frame.DropSpoofARP},
			{"ARP hardware address", testnet.ARP(me.MAC, foreignMAC, me.V4, peer.V4), frame.DropSpoofARP},
			{"neighbour target", testnet.Advertisement(peer.MAC, me.MAC, me.V6, peer.V6, foreign6, me.MAC), frame.DropSpoofARP},
			{"neighbour hardware address", testnet.Advertisement(peer.MAC, me.MAC, me.V6, peer.V6, me.V6, foreignMAC), frame.DropSpoofARP},
		} {
			before, _, _ := a.Totals()
			r.expectDrops(tt.why, 1, func() { raw.Send(t, tt.frame) })
			after, _, _ := a.Totals()
			if after.Ends[tt.why] != before.Ends[tt.why]+1 {
				t.Errorf("%s: not counted on the port of the liar: %v", tt.name, ends(after))
			}
		}
		raw.Send(t, testnet.Advertisement(peer.MAC, me.MAC, me.V6, peer.V6, me.V6, me.MAC))
		raw.Send(t, testnet.UDP(peer.MAC, me.MAC, me.V4, peer.V4, []byte("the truth")))
		for _, f := range seen.Until(t, []byte("the truth")) {
			if strings.Contains(string(f), string(lie)) || frame.MACFrom(f[6:]) == foreignMAC {
				t.Errorf("came through: % x", f)
			}
		}
		if strings.Contains(b.Run(t, "ip", "neigh"), foreignMAC.String()) {
			t.Error("the neighbour believes a lie")
		}
	})
}

// Without a guard a container may say what it likes.
func TestNoGuard(t *testing.T) {
	r := newRig(t, Config{})
	a, b := r.join("a", 1, unguarded), r.join("b", 2)
	raw, seen := a.Raw(t), b.Raw(t)
	raw.Send(t, testnet.UDP(b.host().MAC, foreignMAC, netip.MustParseAddr("1.2.3.4"), b.V4, []byte("anything")))
	seen.Until(t, []byte("anything"))
	if e, ok := entryOf(r, foreignMAC); !ok || e.Port != a.Port() {
		t.Errorf("learned %+v, %v", e, ok)
	}
}

func entryOf(r *rig, mac frame.MAC) (vswitch.Entry, bool) {
	for _, e := range r.FDB() {
		if e.MAC == mac {
			return e, true
		}
	}
	return vswitch.Entry{}, false
}

// A container that floods the switch with source addresses evicts its own, and
// neither the entries nor the frames of others.
func TestMACFlood(t *testing.T) {
	const addresses = 200_000
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		evil, sink := r.join("evil", 3, unguarded), r.join("sink", 4)
		a.MustPing(t, b.V4, 1)
		sink.MustPing(t, b.V4, 1)
		raw := evil.Raw(t)
		f := testnet.Ether(sink.host().MAC, foreignMAC, payload(0))
		ping := a.Start(t, "ping", "-n", "-q", "-c", "50", "-i", "0.01", "-w", "20", b.V4.String())
		for i := frame.MAC(0); i < addresses || running(ping); i++ {
			(0x06_00_00_00_00_00 | i*2654435761&0xffffffff).Put(f[6:])
			raw.Send(t, f)
		}
		ping.End(t)
		r.rest()
		for _, s := range []*station{a, b, sink} {
			// The first station speaks before anybody is there to hear it.
			totals, ring, err := s.Totals()
			if totals.Dropped() != totals.Ends[frame.DropNoEgress] || ring != 0 || err != nil {
				t.Errorf("%s lost frames: %v, %d in the ring, %v", s.Name(), ends(totals), ring, err)
			}
			if e, ok := entryOf(r, s.host().MAC); !ok || e.Port != s.Port() {
				t.Errorf("%s after the flood: %+v, %v", s.Name(), e, ok)
			}
		}
		stats := r.Switch().FDBStats()
		t.Logf("%+v", stats)
		if stats.Entries > stats.Limit || stats.Learned < addresses/2 || stats.Evicted == 0 {
			t.Errorf("%+v", stats)
		}
		if kinds, _ := r.Switch().Kinds(a.Port()); kinds.Unknown != 0 {
			t.Errorf("%d frames between others were flooded", kinds.Unknown)
		}
		testnet.Transfer(t, a.host(), b.host(), b.V4, 1<<20)
	})
}

func running(p *testnet.Program) bool {
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}
