package ipam

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// All predefined subnets, in Docker's order.
func TestDefaultOrder(t *testing.T) {
	var want []string
	for i := 17; i <= 31; i++ {
		want = append(want, fmt.Sprintf("172.%d.0.0/16", i))
	}
	for i := 0; i < 256; i += 16 {
		want = append(want, fmt.Sprintf("192.168.%d.0/20", i))
	}
	s := newSpace(t, SpaceConfig{})
	for _, w := range want {
		if p, err := s.Allocate("network", nil); err != nil || p != prefix(w) {
			t.Fatalf("got %v, %v; want %s", p, err, w)
		}
	}
	if p, err := s.Allocate("network", nil); !errors.Is(err, ErrNoSubnet) {
		t.Errorf("got %v, %v after the last", p, err)
	}
	s.Release(prefix("172.23.0.0/16"))
	s.Release(prefix("172.19.0.0/16"))
	s.Release(prefix("172.19.0.0/16"))
	for _, w := range []string{"172.19.0.0/16", "172.23.0.0/16"} {
		if p, err := s.Allocate("network", nil); err != nil || p != prefix(w) {
			t.Errorf("got %v, %v; want %s, which was released", p, err, w)
		}
	}
}

func TestAllocateAvoids(t *testing.T) {
	tests := []struct {
		name          string
		claim, avoid  string
		want, wantSix string
	}{
		{"nothing", "", "", "172.17.0.0/16", "fd42:98fc:1c14::/64"},
		{"a network", "172.17.0.0/16", "", "172.18.0.0/16", "fd42:98fc:1c14::/64"},
		{"a part of one", "172.17.9.0/24", "", "172.18.0.0/16", "fd42:98fc:1c14::/64"},
		{"a route over several", "", "172.16.0.0/12", "192.168.0.0/20", "fd42:98fc:1c14::/64"},
		{"a name server", "", "172.17.0.53/32", "172.18.0.0/16", "fd42:98fc:1c14::/64"},
		{"both, nested", "172.18.0.0/24 172.17.0.0/16", "172.18.0.0/16 172.19.7.7/32", "172.20.0.0/16", "fd42:98fc:1c14::/64"},
		{"default routes", "", "0.0.0.0/0 ::/0", "172.17.0.0/16", "fd42:98fc:1c14::/64"},
		{"IPv6", "fd42:98fc:1c14::/63", "fd42:98fc:1c14:3::/64", "172.17.0.0/16", "fd42:98fc:1c14:2::/64"},
		{"elsewhere", "10.0.0.0/8", "fd00::/16", "172.17.0.0/16", "fd42:98fc:1c14::/64"},
	}
	for _, tt := range tests {
		s := newSpace(t, SpaceConfig{})
		for c := range strings.FieldsSeq(tt.claim) {
			if err := s.Claim(prefix(c), "network"); err != nil {
				t.Fatal(err)
			}
		}
		avoid := []Taken{{}} // one without a prefix is no reason either
		for a := range strings.FieldsSeq(tt.avoid) {
			avoid = append(avoid, Taken{Prefix: prefix(a), By: "the host"})
		}
		if p, err := s.Allocate("network", avoid); err != nil || p != prefix(tt.want) {
			t.Errorf("%s: got %v, %v; want %s", tt.name, p, err, tt.want)
		}
		if p, err := s.Allocate6("network", avoid); err != nil || p != prefix(tt.wantSix) {
			t.Errorf("%s: got %v, %v; want %s", tt.name, p, err, tt.wantSix)
		}
	}
}

// The block of an identity is the one that Docker derives from it (the values are
// those of moby's own test), and is a unique local one.
func TestULA(t *testing.T) {
	for id, want := range map[string]string{
		"":                                     "fd42:98fc:1c14::/48",
		"499d4bc0-b0b3-416f-b1ee-cf6486315593": "fd62:fb69:18af::/48",
	} {
		d := ULA(id)
		if d.Base != prefix(want) || d.Bits != 64 || !d.Base.Addr().IsPrivate() {
			t.Errorf("%q: %v in %d, want %s", id, d.Base, d.Bits, want)
		}
	}
}

// The blocks of a user replace the ones of their family, and are used from the
// lowest up, whatever their order.
func TestOwnPools(t *testing.T) {
	s := newSpace(t, SpaceConfig{Pools: []Predefined{
		{prefix("10.200.0.0/23"), 24}, {prefix("10.99.0.0/24"), 24}, {prefix("fd00:9::/63"), 64},
	}})
	for _, want := range []string{"10.99.0.0/24", "10.200.0.0/24", "10.200.1.0/24"} {
		if p, err := s.Allocate("network", nil); err != nil || p != prefix(want) {
			t.Errorf("got %v, %v; want %s", p, err, want)
		}
	}
	if p, err := s.Allocate6("network", nil); err != nil || p != prefix("fd00:9::/64") {
		t.Errorf("got %v, %v", p, err)
	}
	if g := GlobalPools(); len(g) != 1 || g[0] != (Predefined{prefix("10.0.0.0/8"), 24}) {
		t.Errorf("global pools are %v", g)
	}
}

func TestOwnPoolsThatCannotBeUsed(t *testing.T) {
	tests := [][]Predefined{
		{{prefix("10.0.0.1/8"), 24}},
		{{prefix("10.0.0.0/24"), 16}},
		{{prefix("10.0.0.0/24"), 33}},
		{{prefix("10.0.0.0/24"), 32}},
		{{prefix("224.0.0.0/8"), 24}},
		{{prefix("10.0.0.0/8"), 24}, {prefix("10.9.0.0/16"), 24}},
		{{}},
	}
	for _, pools := range tests {
		if _, err := NewSpace(SpaceConfig{Pools: pools}); !errors.Is(err, ErrSubnet) {
			t.Errorf("%v: %v", pools, err)
		}
	}
}

func TestClaimOverlap(t *testing.T) {
	host := Taken{Prefix: prefix("10.6.0.0/15"), By: "route of the host via eth0"}
	tests := []struct{ claimed, claim, free string }{
		{"10.5.0.0/24", "10.5.0.0/24", "10.5.1.0/24"},
		{"10.5.0.0/16", "10.5.7.0/24", "10.8.0.0/24"}, // 10.6 and 10.7 are the host's
		{"10.5.7.0/24", "10.5.0.0/16", "10.8.0.0/16"},
		{"10.255.0.0/16", "10.255.3.0/24", "10.0.0.0/24"}, // the end of the block: from its beginning
		{"10.0.0.0/8", "10.255.3.0/24", "172.16.0.0/24"},
		{"172.16.0.0/12", "172.17.0.0/16", "10.0.0.0/16"},
		{"192.0.0.0/8", "192.1.0.0/16", "10.0.0.0/16"},
		{"64.0.0.0/4", "64.0.0.0/6", ""},
		{"fd00:1::/64", "fd00:1::/64", "fd00:1:0:1::/64"},
		{"2001:db8::/32", "2001:db8:7::/64", "fd00::/64"},
	}
	for _, tt := range tests {
		s := newSpace(t, SpaceConfig{})
		if err := s.Claim(prefix(tt.claimed), "network web"); err != nil {
			t.Fatal(err)
		}
		err := s.Claim(prefix(tt.claim), "network db", host)
		e, ok := errors.AsType[*OverlapError](err)
		if !ok {
			t.Errorf("%s beside %s: %v", tt.claim, tt.claimed, err)
			continue
		}
		var free netip.Prefix
		if tt.free != "" {
			free = prefix(tt.free)
		}
		want := OverlapError{Prefix: prefix(tt.claim), With: Taken{prefix(tt.claimed), "network web"}, Free: free}
		if *e != want {
			t.Errorf("%s beside %s: got %+v, want %+v", tt.claim, tt.claimed, *e, want)
		}
		if free.IsValid() {
			if err := s.Claim(free, "network db"); err != nil {
				t.Errorf("the proposal is not free: %v", err)
			}
		}
		if n := len(s.InUse()); free.IsValid() && n != 2 {
			t.Errorf("%d subnets in use, want 2", n)
		}
	}
}

// A user's subnet may hide what the host reaches: that is found when asked for.
func TestCheckHost(t *testing.T) {
	s := newSpace(t, SpaceConfig{})
	avoid := []Taken{
		{prefix("0.0.0.0/0"), "default route of the host"},
		{prefix("192.168.1.0/24"), "route of the host via eth0"},
		{prefix("192.168.1.1/32"), "name server of the host"},
	}
	if err := s.CheckHost(prefix("192.168.2.0/24"), avoid); err != nil {
		t.Error(err)
	}
	err := s.CheckHost(prefix("192.168.1.0/28"), avoid)
	want := "ipam: subnet 192.168.1.0/28 overlaps 192.168.1.0/24 of route of the host via eth0; 192.168.2.0/28 is free"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := s.Claim(prefix("192.168.1.0/28"), "network web", avoid...); err != nil {
		t.Errorf("Docker lets a user hide a route of the host: %v", err)
	}
}

func TestClaimRefuses(t *testing.T) {
	s := newSpace(t, SpaceConfig{})
	for _, p := range []netip.Prefix{{}, prefix("10.0.0.1/24"), prefix("224.0.0.0/24"), prefix("0.0.0.0/0")} {
		if err := s.Claim(p, "network web"); !errors.Is(err, ErrSubnet) {
			t.Errorf("%v: %v", p, err)
		}
	}
	if len(s.InUse()) != 0 {
		t.Errorf("in use are %v", s.InUse())
	}
}

// Networks made at the same time get different subnets.
func TestSpaceRace(t *testing.T) {
	s := newSpace(t, SpaceConfig{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[netip.Prefix]int{}
	for range 4 {
		wg.Go(func() {
			for range 10 {
				four, err4 := s.Allocate("network", nil)
				six, err6 := s.Allocate6("network", nil)
				mu.Lock()
				if err4 == nil {
					seen[four]++
				}
				if err6 == nil {
					seen[six]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for p, n := range seen {
		if n > 1 {
			t.Errorf("%v was given %d times", p, n)
		}
	}
	if len(seen) != 31+40 {
		t.Errorf("%d subnets, want all 31 of IPv4 and 40 of IPv6", len(seen))
	}
}

// What the space gives is free of everything taken, and the lowest such subnet.
func FuzzAllocate(f *testing.F) {
	f.Add([]byte{172, 17, 0, 16, 172, 18, 0, 24})
	f.Add([]byte{128, 0, 0, 1, 192, 168, 16, 20})
	f.Add([]byte{172, 16, 0, 12, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var avoid []Taken
		for ; len(data) >= 4; data = data[4:] {
			p, err := netip.AddrFrom4([4]byte{data[0], data[1], data[2]}).Prefix(int(data[3]) % 33)
			if err != nil {
				t.Fatal(err)
			}
			avoid = append(avoid, Taken{Prefix: p, By: "the host"})
		}
		var want netip.Prefix
		for _, d := range LocalPools() {
			for p := netip.PrefixFrom(d.Base.Addr(), d.Bits); d.Base.Contains(p.Addr()) && !want.IsValid(); {
				if clear4(p, avoid) {
					want = p
				}
				b := p.Addr().As4()
				n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 + 1<<(32-d.Bits)
				p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8)}), d.Bits)
			}
		}
		got, err := newSpace(t, SpaceConfig{}).Allocate("network", avoid)
		if got != want || (err == nil) != want.IsValid() {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}

// clear4 reports whether p is clear of all in avoid but default routes.
func clear4(p netip.Prefix, avoid []Taken) bool {
	for _, a := range avoid {
		if a.Prefix.Bits() > 0 && a.Prefix.Overlaps(p) {
			return false
		}
	}
	return true
}
