package vswitch

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vswitch/internal/frame"
)

func TestPortNumbers(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.must(r.sw.RemovePort(1))
	if id := r.add(PortConfig{}); id != 3 {
		t.Errorf("the number of a port that is not released was given to another: %d", id)
	}
	r.must(r.sw.ReleasePort(1))
	if id := r.add(PortConfig{}); id != 1 {
		t.Errorf("got %d, want the lowest free number", id)
	}
	if got := r.sw.Ports(); !slices.Equal(got, []frame.PortID{0, 1, 2, 3}) {
		t.Error(got)
	}
}

func TestFull(t *testing.T) {
	n := NewNumbers()
	r := &rig{TB: t, sw: New(Config{Numbers: n})}
	for range MaxPorts - 500 { // others have them
		n.take()
	}
	for range 500 {
		r.add(PortConfig{})
	}
	if id, err := r.sw.AddPort(PortConfig{Name: "late"}); !errors.Is(err, ErrFull) || id != frame.NoPort {
		t.Errorf("%d, %v", id, err)
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{VLAN: VLANConfig{Trunk: []uint16{2}}})
	add := func(c PortConfig) error { _, err := r.sw.AddPort(c); return err }
	guard := func(g Guard) error { return add(PortConfig{Name: "web", Guard: &g}) }
	a := []frame.MAC{macA}
	for name, c := range map[string]struct{ err, want error }{
		"access and trunk":     {add(PortConfig{VLAN: VLANConfig{Access: 1, Trunk: []uint16{2}}}), ErrConfig},
		"native without trunk": {add(PortConfig{VLAN: VLANConfig{Native: 1}}), ErrConfig},
		"access out of range":  {add(PortConfig{VLAN: VLANConfig{Access: 4095}}), ErrConfig},
		"native out of range":  {add(PortConfig{VLAN: VLANConfig{Trunk: []uint16{1}, Native: 4095}}), ErrConfig},
		"trunk of VLAN 0":      {add(PortConfig{VLAN: VLANConfig{Trunk: []uint16{0}}}), ErrConfig},
		"negative storm":       {add(PortConfig{Storm: -1}), ErrConfig},
		"huge storm":           {add(PortConfig{Storm: maxStorm + 1}), ErrConfig},
		"guard of nothing":     {guard(Guard{}), ErrConfig},
		"guard of zero":        {guard(Guard{MACs: []frame.MAC{0}}), ErrConfig},
		"guard of a group":     {guard(Guard{MACs: []frame.MAC{frame.Broadcast}}), ErrConfig},
		"guard of no address":  {guard(Guard{MACs: a, Addrs: []netip.Addr{{}}}), ErrConfig},
		"guard of ::":          {guard(Guard{MACs: a, Addrs: []netip.Addr{any6}}), ErrConfig},
		"guard of a multicast": {guard(Guard{MACs: a, Addrs: []netip.Addr{allNodes}}), ErrConfig},
		"set, bad":             {r.sw.SetPort(0, PortConfig{Storm: -1}), ErrConfig},
		"set, none":            {r.sw.SetPort(9, PortConfig{}), ErrNoPort},
		"remove, none":         {r.sw.RemovePort(9), ErrNoPort},
		"release, none":        {r.sw.ReleasePort(9), ErrNoPort},
		"release, in use":      {r.sw.ReleasePort(0), ErrNoPort},
		"static, none":         {r.sw.AddStatic(macA, 1, 9), ErrNoPort},
		"static, group":        {r.sw.AddStatic(frame.Broadcast, 1, 0), ErrConfig},
		"static, zero":         {r.sw.AddStatic(0, 1, 0), ErrConfig},
		"static, other VLAN":   {r.sw.AddStatic(macA, 2, 0), ErrConfig},
		"static, VLAN beyond":  {r.sw.AddStatic(macA, 5000, 1), ErrConfig},
		"age 0":                {r.sw.SetAge(0), ErrConfig},
		"age too long":         {r.sw.SetAge(MaxAge + 1), ErrConfig},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if err := guard(Guard{}); !strings.Contains(err.Error(), `"web"`) {
		t.Errorf("%v does not name the port", err)
	}
}

func TestDefaults(t *testing.T) {
	c := Config{FDBLimit: 1 << 40, Age: 1 << 40}.withDefaults()
	if c.Workers != 1 || c.FDBLimit != MaxFDBLimit || c.Age != MaxAge {
		t.Errorf("%+v", c)
	}
	c = Config{}.withDefaults()
	if c.FDBLimit != DefaultFDBLimit || c.Age != DefaultAge {
		t.Errorf("%+v", c)
	}
}

// What the caller does with its slices afterwards does not reach the switch, nor
// the other way round.
func TestConfigIsCopied(t *testing.T) {
	cfg := PortConfig{
		Name: "x", VLAN: VLANConfig{Trunk: []uint16{5}}, Guard: guardA(),
	}
	r := newRig(t, Config{}, cfg)
	want := cfg.clone()
	spoil := func(c PortConfig) {
		c.VLAN.Trunk[0], c.Guard.MACs[0], c.Guard.Addrs[0], c.Guard.AnyAddr = 6, macB, ip4B, true
	}
	spoil(cfg)
	got, ok := r.sw.Port(0)
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	spoil(got)
	if got, _ = r.sw.Port(0); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if _, ok := r.sw.Port(1); ok {
		t.Error("a port that is not there")
	}
}

func TestEditPort(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{Name: "x"}, PortConfig{})
	r.must(r.sw.EditPort(0, func(c *PortConfig) { c.Down = true }))
	if got, _ := r.sw.Port(0); !got.Down || got.Name != "x" {
		t.Errorf("%+v", got)
	}
	r.expect(0, plain(frame.Broadcast, macA), "port-blocked")
	r.expect(1, plain(frame.Broadcast, macB), "no-egress")
	if err := r.sw.EditPort(0, func(c *PortConfig) { c.Storm = -1 }); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	if got, _ := r.sw.Port(0); got.Storm != 0 {
		t.Error("a refused edit was kept")
	}
}

// Which stations survive a change of their port.
func TestSetPortFlushes(t *testing.T) {
	trunk := func(vids ...uint16) PortConfig { return PortConfig{VLAN: VLANConfig{Trunk: vids}} }
	down := trunk(10, 20)
	down.Down = true
	for name, c := range map[string]struct {
		to   PortConfig
		want []string // of A in 10 and in 20, then static D in 10 and in 20
	}{
		"nothing changed": {trunk(10, 20), []string{"A10", "A20", "D10", "D20"}},
		"left a VLAN":     {trunk(20, 30), []string{"A20", "D20"}},
		"now access":      {PortConfig{VLAN: VLANConfig{Access: 10}}, []string{"A10", "D10"}},
		"down":            {down, []string{"D10", "D20"}},
	} {
		r := newRig(t, Config{}, trunk(10, 20), trunk(10, 20))
		for _, vid := range []uint16{10, 20} {
			r.learn(0, macA, vid)
			r.learn(1, macB, vid)
			r.must(r.sw.AddStatic(macD, vid, 0))
		}
		r.must(r.sw.SetPort(0, c.to))
		r.sw.fdb.check(t)
		for _, vid := range []uint16{10, 20} {
			if _, ok := r.sw.Lookup(macB, vid, r.now); !ok {
				t.Errorf("%s: another port's station is gone", name)
			}
		}
		var got []string
		for _, at := range []struct {
			text string
			mac  frame.MAC
			vid  uint16
		}{{"A10", macA, 10}, {"A20", macA, 20}, {"D10", macD, 10}, {"D20", macD, 20}} {
			if _, ok := r.sw.Lookup(at.mac, at.vid, r.now); ok {
				got = append(got, at.text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A static entry of a port that went down leads nowhere; it does not flood.
func TestStaticOfDownPort(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.must(r.sw.AddStatic(macB, 1, 1))
	r.must(r.sw.EditPort(1, func(c *PortConfig) { c.Down = true }))
	r.expect(0, plain(macB, macA), "no-egress")
	r.must(r.sw.EditPort(1, func(c *PortConfig) { c.Down = false }))
	r.expect(0, plain(macB, macA), "1")
}

func TestRemovePort(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.learn(1, macB)
	r.must(r.sw.AddStatic(macD, 1, 1))
	r.learn(2, macC)
	r.must(r.sw.RemovePort(1))
	r.sw.fdb.check(t)
	r.expect(1, plain(macC, macB), "unknown-port")
	r.expect(0, plain(macB, macA), "2")
	r.expect(0, plain(macD, macA), "2")
	r.expect(0, plain(macC, macA), "2")
	if got := r.sw.FDB(r.now); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if err := r.sw.RemovePort(1); !errors.Is(err, ErrNoPort) {
		t.Error(err)
	}
}

// A VLAN whose last other port left is empty, and one that nobody is in at all.
func TestEmptyVLAN(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{VLAN: VLANConfig{Trunk: []uint16{8, 9}}}, PortConfig{VLAN: VLANConfig{Access: 9}})
	r.expect(0, plain(frame.Broadcast, macA, 9), "1")
	r.must(r.sw.RemovePort(1))
	r.expect(0, plain(frame.Broadcast, macA, 9), "no-egress")
	r.must(r.sw.EditPort(0, func(c *PortConfig) { c.VLAN.Trunk = []uint16{8} }))
	if f := r.sw.snap.Load().floods.of(9); f.from(r.sw.snap.Load().port(0)) != nil {
		t.Errorf("%v is left of an empty VLAN", f)
	}
}

func TestStaticFull(t *testing.T) {
	r := newRig(t, Config{FDBLimit: 1}, PortConfig{})
	r.learn(0, macA)
	r.must(r.sw.AddStatic(macB, 1, 0)) // in the learned one's place
	if err := r.sw.AddStatic(macC, 1, 0); !errors.Is(err, ErrFDBFull) || !strings.Contains(err.Error(), macC.String()) {
		t.Error(err)
	}
}

func TestFlush(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{})
	r.learn(0, macA)
	r.learn(0, macC)
	r.learn(1, macB)
	r.must(r.sw.AddStatic(macD, 1, 0))
	if n := r.sw.Flush(0); n != 2 {
		t.Errorf("%d flushed", n)
	}
	if n := r.sw.Flush(77); n != 0 {
		t.Errorf("%d flushed behind no port", n)
	}
	if s := r.sw.FDBStats(); s.Entries != 2 || s.Flushed != 2 {
		t.Errorf("%+v", s)
	}
	r.sw.fdb.check(t)
}

// Address 0 is how the table writes an empty slot: nobody finds or removes that.
func TestZeroIsNoStation(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{})
	if _, ok := r.sw.Lookup(0, 0, r.now); ok || r.sw.Forget(0, 0) || r.sw.Forget(0, 1) {
		t.Error("address zero was there")
	}
	r.sw.fdb.check(t)
}

func TestFDBList(t *testing.T) {
	trunk := PortConfig{VLAN: VLANConfig{Trunk: []uint16{1, 2}}}
	r := newRig(t, Config{}, trunk, trunk)
	if got := r.sw.FDB(r.now); got == nil || len(got) != 0 {
		t.Errorf("%#v, want an empty list that is one in JSON too", got)
	}
	r.learn(1, macB, 2)
	r.learn(0, macC, 1)
	r.wait(7)
	r.learn(1, macA, 1)
	r.must(r.sw.AddStatic(macD, 1, 0))
	want := []Entry{
		{MAC: macA, VID: 1, Port: 1}, {MAC: macC, VID: 1, Port: 0, Age: 7},
		{MAC: macD, VID: 1, Port: 0, Static: true}, {MAC: macB, VID: 2, Port: 1, Age: 7},
	}
	got := r.sw.FDB(r.now)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if e, ok := r.sw.Lookup(macC, 1, r.now); !ok || e != want[1] {
		t.Errorf("%v, %v", e, ok)
	}
	text, err := json.Marshal(got[1])
	if err != nil || string(text) != `{"mac":"02:00:00:00:00:0c","vlan":1,"port":0,"static":false,"age":7}` {
		t.Errorf("%s, %v", text, err)
	}
}
