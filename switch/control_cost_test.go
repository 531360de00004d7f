package vswitch

import (
	"net/netip"
	"runtime"
	"testing"

	"vswitch/internal/frame"
)

// A change of the guard alone leaves the lists of ways out, the port's VLANs and the
// stations as they are, not just equal; from the next frame on it holds.
func TestGuardEditIsCheap(t *testing.T) {
	trunk := PortConfig{VLAN: VLANConfig{Trunk: []uint16{1, 2, 3}, Native: 1}, Guard: &Guard{MACs: []frame.MAC{macA}}, LearnLimit: 3}
	r := newRig(t, Config{}, trunk, PortConfig{})
	r.learn(0, macA)
	from := v4(ip4A, 99, nil)
	r.expect(0, from, "spoofed-ip")
	before := r.sw.snap.Load()
	r.must(r.sw.EditPort(0, func(c *PortConfig) { c.Guard.Addrs = []netip.Addr{ip4A} }))
	after := r.sw.snap.Load()
	if after.floods != before.floods || after.natives != before.natives || after.ports[0].vlan != before.ports[0].vlan {
		t.Error("the VLANs were made anew")
	}
	if after.ports[1] != before.ports[1] {
		t.Error("another port was made anew")
	}
	r.expect(0, from, "1")
	r.expect(1, plain(macA, macB), "0")
	if s := r.sw.FDBStats(); s.Flushed != 0 || s.Learned != 2 {
		t.Errorf("%+v", s)
	}
}

// A change of anything that the lists depend on does make them anew.
func TestWaysFollowThePort(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*PortConfig)
		want string // of a broadcast from isolated port 1
	}{
		"nothing":  {func(*PortConfig) {}, "0 2/1"},
		"down":     {func(c *PortConfig) { c.Down = true }, "2/1"},
		"isolated": {func(c *PortConfig) { c.Isolated = true }, "2/1"},
		"trunk":    {func(c *PortConfig) { c.VLAN = VLANConfig{Trunk: []uint16{1}} }, "0/1 2/1"},
		"left":     {func(c *PortConfig) { c.VLAN.Access = 7 }, "2/1"},
	} {
		r := newRig(t, Config{}, PortConfig{}, PortConfig{Isolated: true}, PortConfig{VLAN: VLANConfig{Trunk: []uint16{1}}})
		r.must(r.sw.EditPort(0, c.edit))
		if got := r.send(1, plain(frame.Broadcast, macA)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		r.must(r.sw.EditPort(0, func(c *PortConfig) { *c = PortConfig{} }))
		if got := r.send(1, plain(frame.Broadcast, macA)); got != "0 2/1" {
			t.Errorf("%s, and back: got %q", name, got)
		}
	}
}

// The last trunk that had a VLAN untagged takes the rule against inner tags with it.
func TestNativesFollowThePorts(t *testing.T) {
	trunk := PortConfig{VLAN: VLANConfig{Trunk: []uint16{1, 2}}}
	native := PortConfig{VLAN: VLANConfig{Trunk: []uint16{2}, Native: 1}}
	r := newRig(t, Config{}, trunk, native, native)
	nested := plain(frame.Broadcast, macA, 1, 2)
	r.expect(0, nested, "vlan-not-allowed")
	r.must(r.sw.RemovePort(1))
	r.expect(0, nested, "vlan-not-allowed")
	r.must(r.sw.SetPort(2, trunk))
	r.expect(0, nested, "2/1")
}

// A switch of a few ports with high numbers takes little memory, as there may be
// hundreds.
func TestSwitchIsSmall(t *testing.T) {
	const switches, ports, limit = 100, 8, 512 << 10
	n := NewNumbers()
	for range 3000 {
		n.take()
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := make([]*Switch, switches)
	for i := range all {
		all[i] = New(Config{Workers: 8, FDBLimit: 4096, Numbers: n})
		for range ports {
			if _, err := all[i].AddPort(PortConfig{Guard: guardA()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := (after.HeapAlloc - before.HeapAlloc) / switches; got > limit {
		t.Errorf("%d bytes a switch, want at most %d", got, limit)
	}
	runtime.KeepAlive(all)
}

// BenchmarkControl measures a switch that gets 2000 ports, with a static station
// each, and loses them again; and 300 of 8 ports each.
func BenchmarkControl(b *testing.B) {
	fill := func(b *testing.B, n *Numbers, ports int) func() {
		sw := New(Config{Workers: 8, FDBLimit: 4096, Numbers: n})
		for i := range ports {
			id, err := sw.AddPort(PortConfig{Guard: guardA()})
			if err != nil {
				b.Fatal(err)
			}
			sw.AddStatic(station(i), 1, id)
		}
		return func() {
			for _, id := range sw.Ports() {
				sw.RemovePort(id)
				sw.ReleasePort(id)
			}
		}
	}
	b.Run("large", func(b *testing.B) {
		for b.Loop() {
			fill(b, nil, 2000)()
		}
	})
	b.Run("many", func(b *testing.B) {
		for b.Loop() {
			n := NewNumbers()
			for range 300 {
				defer fill(b, n, 8)()
			}
		}
	})
}
