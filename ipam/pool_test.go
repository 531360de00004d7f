package ipam

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// The first addresses of a network, as Docker gives them.
func TestFirstAddresses(t *testing.T) {
	tests := []struct {
		name, subnet, ranged, gateway string
		noGateway                     bool
		wantGateway, first, second    string
	}{
		{"default bridge", "172.17.0.0/16", "", "", false, "172.17.0.1", "172.17.0.2", "172.17.0.3"},
		{"range", "10.79.0.0/24", "10.79.0.128/25", "", false, "10.79.0.128", "10.79.0.129", "10.79.0.130"},
		{"range at the bottom", "10.79.0.0/24", "10.79.0.0/25", "", false, "10.79.0.1", "10.79.0.2", "10.79.0.3"},
		{"range is the subnet", "10.79.0.0/24", "10.79.0.0/24", "", false, "10.79.0.1", "10.79.0.2", "10.79.0.3"},
		{"range, gateway outside", "10.79.0.0/24", "10.79.0.128/25", "10.79.0.1", false, "10.79.0.1", "10.79.0.128", "10.79.0.129"},
		{"gateway at the end", "10.77.0.0/24", "", "10.77.0.254", false, "10.77.0.254", "10.77.0.1", "10.77.0.2"},
		{"gateway in the middle", "10.77.0.0/24", "", "10.77.0.2", false, "10.77.0.2", "10.77.0.1", "10.77.0.3"},
		{"no gateway", "10.77.0.0/24", "", "", true, "", "10.77.0.1", "10.77.0.2"},
		{"/31 without gateway", "10.77.0.4/31", "", "", true, "", "10.77.0.4", "10.77.0.5"},
		{"link-local IPv4", "169.254.7.0/24", "", "", true, "", "169.254.7.1", "169.254.7.2"},
		{"class E", "240.1.0.0/24", "", "", false, "240.1.0.1", "240.1.0.2", "240.1.0.3"},
		{"IPv6", "fd00:1::/64", "", "", false, "fd00:1::1", "fd00:1::2", "fd00:1::3"},
		{"IPv6, huge", "fd00::/8", "", "", false, "fd00::1", "fd00::2", "fd00::3"},
		{"IPv6, range", "fd00:1::/64", "fd00:1::8:0/112", "", false, "fd00:1::8:0", "fd00:1::8:1", "fd00:1::8:2"},
		{"IPv6, gateway", "fd00:1::/64", "", "fd00:1::ffff:ffff:ffff:ffff", false, "fd00:1::ffff:ffff:ffff:ffff", "fd00:1::1", "fd00:1::2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := PoolConfig{Subnet: prefix(tt.subnet), NoGateway: tt.noGateway}
			var gateway netip.Addr
			if tt.ranged != "" {
				c.Range = prefix(tt.ranged)
			}
			if tt.gateway != "" {
				c.Gateway = addr(tt.gateway)
			}
			if tt.wantGateway != "" {
				gateway = addr(tt.wantGateway)
			}
			p := newPool(t, c)
			if p.Gateway() != gateway || p.Config().Gateway != gateway {
				t.Errorf("gateway is %v, want %v", p.Gateway(), gateway)
			}
			wantNext(t, p, tt.first)
			wantNext(t, p, tt.second)
		})
	}
}

// All addresses of small subnets, in order, and then no more.
func TestExhaustion(t *testing.T) {
	tests := []struct {
		c    PoolConfig
		want string
	}{
		{PoolConfig{Subnet: prefix("10.0.0.0/29")}, "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"},
		{PoolConfig{Subnet: prefix("10.0.0.0/30")}, "10.0.0.2"},
		{PoolConfig{Subnet: prefix("10.0.0.0/31")}, "10.0.0.1"},
		{PoolConfig{Subnet: prefix("10.0.0.0/32"), NoGateway: true}, "10.0.0.0"},
		{PoolConfig{Subnet: prefix("10.0.0.0/24"), Range: prefix("10.0.0.252/30")}, "10.0.0.253 10.0.0.254"},
		{PoolConfig{Subnet: prefix("10.0.0.0/24"), Range: prefix("10.0.0.9/32")}, ""},
		{PoolConfig{Subnet: prefix("fd00::/126")}, "fd00::2 fd00::3"},
		{PoolConfig{Subnet: prefix("fd00::/127"), NoGateway: true}, "fd00::1"},
		{PoolConfig{Subnet: prefix("10.0.0.0/29"), Aux: map[string]netip.Addr{"a": addr("10.0.0.1"), "b": addr("10.0.0.4")}},
			"10.0.0.3 10.0.0.5 10.0.0.6"},
	}
	for _, tt := range tests {
		p := newPool(t, tt.c)
		for want := range strings.FieldsSeq(tt.want) {
			wantNext(t, p, want)
		}
		if a, err := p.Next(); !errors.Is(err, ErrExhausted) {
			t.Errorf("%v: got %v, %v after the last address", tt.c, a, err)
		}
		if _, free := p.Use(); free != 0 {
			t.Errorf("%v: %d addresses left in an exhausted pool", tt.c, free)
		}
	}
}

// A released address is free at once, and given again when it is the lowest.
func TestReleaseMakesFreeAtOnce(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("172.17.0.0/16")})
	for range 200 {
		next(t, p)
	}
	for _, a := range []string{"172.17.0.70", "172.17.0.130", "172.17.0.5"} {
		if err := p.Release(addr(a)); err != nil {
			t.Fatal(err)
		}
		if p.InUse(addr(a)) {
			t.Errorf("%s is in use after its release", a)
		}
	}
	for _, want := range []string{"172.17.0.5", "172.17.0.70", "172.17.0.130", "172.17.0.202"} {
		wantNext(t, p, want)
	}
}

// A serial pool goes on after the last address, and begins anew at the end. Fixed
// addresses do not move it.
func TestSerial(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("10.0.1.0/29"), Serial: true})
	wantNext(t, p, "10.0.1.2")
	wantNext(t, p, "10.0.1.3")
	if err := errors.Join(p.Release(addr("10.0.1.2")), p.Request(addr("10.0.1.5"))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.0.1.4", "10.0.1.6", "10.0.1.2"} {
		wantNext(t, p, want)
	}
	if _, err := p.Next(); !errors.Is(err, ErrExhausted) {
		t.Errorf("got %v from a full pool", err)
	}
	if err := p.Release(addr("10.0.1.6")); err != nil {
		t.Fatal(err)
	}
	wantNext(t, p, "10.0.1.6")
}

// A serial pool at the very end of all addresses begins anew as well.
func TestSerialWraps(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("fd00::/126"), Serial: true})
	wantNext(t, p, "fd00::2")
	wantNext(t, p, "fd00::3")
	if err := p.Release(addr("fd00::2")); err != nil {
		t.Fatal(err)
	}
	wantNext(t, p, "fd00::2")
}

func TestRequest(t *testing.T) {
	p := newPool(t, PoolConfig{
		Subnet: prefix("10.79.0.0/24"), Range: prefix("10.79.0.128/25"),
		Aux: map[string]netip.Addr{"printer": addr("10.79.0.9")},
	})
	if err := p.Request(addr("10.79.0.7")); err != nil {
		t.Errorf("outside the range: %v", err)
	}
	tests := []struct {
		addr string
		want error
		text string
	}{
		{"10.79.0.7", ErrTaken, "10.79.0.7"},
		{"10.79.0.9", ErrTaken, `"printer"`},
		{"10.79.0.0", ErrOutside, "network address"},
		{"10.79.0.255", ErrOutside, "broadcast address"},
		{"10.79.0.128", ErrOutside, "the gateway"},
		{"10.80.0.7", ErrOutside, "not in 10.79.0.0/24"},
		{"fd00::7", ErrOutside, "not in"},
		{"::ffff:10.79.0.8", ErrOutside, "written as IPv6"},
		{"fe80::1%eth0", ErrOutside, "not in"},
	}
	for _, tt := range tests {
		err := p.Request(addr(tt.addr))
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("request of %s: %v; want %v with %q", tt.addr, err, tt.want, tt.text)
		}
	}
	if err := p.Request(netip.Addr{}); !errors.Is(err, ErrOutside) {
		t.Errorf("request of no address: %v", err)
	}
}

func TestRelease(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("fd00::/64"), Aux: map[string]netip.Addr{"x": addr("fd00::9")}})
	before, _ := p.Use()
	tests := []struct {
		addr string
		want error
	}{
		{"fd00::", ErrOutside}, {"fd00::1", ErrOutside}, {"fd00::9", ErrTaken},
		{"fd00::5", ErrNotInUse}, {"fd01::5", ErrOutside}, {"10.0.0.1", ErrOutside},
	}
	for _, tt := range tests {
		if err := p.Release(addr(tt.addr)); !errors.Is(err, tt.want) {
			t.Errorf("release of %s: %v, want %v", tt.addr, err, tt.want)
		}
	}
	if after, _ := p.Use(); after != before {
		t.Errorf("failed releases changed the use from %d to %d", before, after)
	}
}

func TestUse(t *testing.T) {
	const all = ^uint64(0)
	tests := []struct {
		subnet, ranged string
		used, free     uint64
	}{
		{"10.0.0.0/24", "", 3, 253},
		{"10.0.0.0/24", "10.0.0.128/25", 3, 126},
		{"10.0.0.0/24", "10.0.0.64/26", 3, 63},
		{"10.0.0.0/31", "", 1, 1},
		{"fd00::/65", "", 2, 1<<63 - 2},
		{"fd00::/64", "", 2, all - 1},
		{"fd00::/63", "", 2, all},
		{"fd00::/48", "fd00:0:0:9::/64", 2, all},
		{"fd00::/48", "fd00:0:0:9::/112", 2, 65535},
	}
	for _, tt := range tests {
		c := PoolConfig{Subnet: prefix(tt.subnet)}
		if tt.ranged != "" {
			c.Range = prefix(tt.ranged)
		}
		if used, free := newPool(t, c).Use(); used != tt.used || free != tt.free {
			t.Errorf("%s, range %q: %d used, %d free; want %d, %d", tt.subnet, tt.ranged, used, free, tt.used, tt.free)
		}
	}
}

// A pool made again of its own configuration, with its addresses requested, goes on
// as the first one does: what happens after a restart.
func TestRestart(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("10.1.0.0/24"), Aux: map[string]netip.Addr{"a": addr("10.1.0.1")}})
	given := []netip.Addr{next(t, p), next(t, p), next(t, p)}
	again := newPool(t, p.Config())
	for _, a := range given {
		if err := again.Request(a); err != nil {
			t.Error(err)
		}
	}
	if again.Gateway() != p.Gateway() {
		t.Errorf("gateway %v became %v", p.Gateway(), again.Gateway())
	}
	if a, b := next(t, p), next(t, again); a != b {
		t.Errorf("next address is %v, after a restart %v", a, b)
	}
}

// The configuration that a pool returns is the caller's: changing it, or the one
// that it was made of, changes nothing.
func TestConfigIsACopy(t *testing.T) {
	aux := map[string]netip.Addr{"a": addr("10.1.0.9")}
	p := newPool(t, PoolConfig{Subnet: prefix("10.1.0.0/24"), Aux: aux})
	delete(aux, "a")
	delete(p.Config().Aux, "a")
	if len(p.Config().Aux) != 1 {
		t.Error("the auxiliary address is gone")
	}
	if p.Range() != p.Subnet() {
		t.Errorf("range is %v, want the subnet %v", p.Range(), p.Subnet())
	}
}

// More addresses than a /16 has; then every second one is released, from the top
// down, and given again. Were one step to cost as much as there are addresses, this
// would take minutes.
func TestMany(t *testing.T) {
	const n = 70_000
	for _, subnet := range []string{"10.0.0.0/15", "fd00::/64"} {
		p := newPool(t, PoolConfig{Subnet: prefix(subnet)})
		given := make([]netip.Addr, n)
		for i := range given {
			given[i] = next(t, p)
		}
		for i := 1; i < n; i++ {
			if given[i] != given[i-1].Next() {
				t.Fatalf("%v was given after %v", given[i], given[i-1])
			}
		}
		for i := n - 1; i >= 0; i -= 2 {
			if err := p.Release(given[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i := 1; i < n; i += 2 {
			if a := next(t, p); a != given[i] {
				t.Fatalf("got %v, want %v", a, given[i])
			}
		}
	}
}

func BenchmarkNext(b *testing.B) {
	p := newPool(b, PoolConfig{Subnet: prefix("10.0.0.0/8")})
	for range 65_000 {
		next(b, p)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		a := netip.AddrFrom4([4]byte{10, 0, byte(rnd.IntN(200)), byte(2 + rnd.IntN(200))})
		if err := p.Release(a); err != nil {
			b.Fatal(err)
		}
		if got := next(b, p); got != a {
			b.Fatalf("got %v, want %v", got, a)
		}
	}
}
