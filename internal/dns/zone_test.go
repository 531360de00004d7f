package dns

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A record replaces the one of the same endpoint, and its slices are its own.
func TestSetAndRemove(t *testing.T) {
	z := NewZone()
	names, at := []string{"Web.", "web", "", "www"}, addrs("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0")
	z.Set(Record{"n1", "net1.", "e1", names, at})
	names[0], at[0] = "changed", netip.Addr{}
	want := []Record{{"n1", "net1", "e1", []string{"Web", "www"}, addrs("10.0.0.1", "fe80::1")}}
	check := func() {
		t.Helper()
		if d := cmp.Diff(want, z.List(), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
	check()
	z.List()[0].Names[0] = "changed"
	check()
	z.Set(Record{"n1", "net1", "e1", []string{"db"}, addrs("10.0.0.2")})
	z.Set(Record{"n0", "net2", "e1", []string{"db"}, addrs("10.0.0.3")})
	want = []Record{
		{"n1", "net1", "e1", []string{"db"}, addrs("10.0.0.2")},
		{"n0", "net2", "e1", []string{"db"}, addrs("10.0.0.3")},
	}
	check()
	if _, known := z.resolve([]string{"n1"}, "web", v4); known {
		t.Error("the old name is still known")
	}
	z.Remove("n1", "e1")
	z.Remove("n1", "e1")
	z.Remove("nowhere", "e1")
	want = want[1:]
	check()
	z.Remove("n0", "e1")
	want = nil
	check()
	if len(z.networks) != 0 {
		t.Errorf("left: %v", z.networks)
	}
}

// The zone agrees with a list of records that is searched from end to end.
func TestZoneModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	z, model := NewZone(), map[string]Record{}
	pick := func(kind string, n int) string { return fmt.Sprint(kind, rng.IntN(n)) }
	for range 3000 {
		network, endpoint := pick("n", 3), pick("e", 8)
		key := network + endpoint
		if rng.IntN(3) == 0 {
			z.Remove(network, endpoint)
			delete(model, key)
		} else {
			r := Record{network, network, endpoint, []string{pick("a", 4), pick("b", 4)}, addrs("10.0.0." + pick("", 9))}
			z.Set(r)
			model[key] = r
		}
		name, network := pick("a", 4), pick("n", 3)
		var want []netip.Addr
		for _, r := range model {
			if r.Network == network && slices.Contains(r.Names, name) {
				want = append(want, r.Addrs...)
			}
		}
		got, known := z.resolve([]string{network}, name+"."+network, v4)
		slices.SortFunc(got, netip.Addr.Compare)
		slices.SortFunc(want, netip.Addr.Compare)
		if !slices.Equal(got, want) || known != (len(want) > 0) {
			t.Fatalf("%s on %s: %v, want %v", name, network, got, want)
		}
	}
	if len(z.List()) != len(model) {
		t.Errorf("%d records, want %d", len(z.List()), len(model))
	}
}

// A change copies one record, whatever the size of the network.
func TestSetCost(t *testing.T) {
	allocs := func(n int) float64 {
		z := crowd(n)
		r := z.List()[0]
		return testing.AllocsPerRun(100, func() { z.Set(r) })
	}
	if few, many := allocs(4), allocs(4000); many > few {
		t.Errorf("%v allocations among 4000, %v among 4", many, few)
	}
}

// Readers and writers at once: a name that is always there is always found.
func TestZoneConcurrency(t *testing.T) {
	z := testZone()
	s := New(Config{Zone: z})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 300 {
				e := fmt.Sprint("x", i)
				z.Set(Record{"n1", "net1", e, []string{fmt.Sprint("new", j), "web"}, addrs("10.1.9.9")})
				z.Remove("n1", e)
			}
		})
		wg.Go(func() {
			for range 300 {
				reply, ok := s.Local(onBoth, message(t, "web.", a))
				if got := said(unpack(t, reply)); !ok || !slices.Contains(got, "10.1.0.2") {
					t.Errorf("answers %v", got)
				}
				z.List()
			}
		})
	}
	wg.Wait()
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "web": "web", "WeB-09": "web-09", "@[`{": "@[`{", "\xc1\xff\x80A": "\xc1\xff\x80a", "ÄB": "Äb",
	} {
		if got := fold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Names of addresses, there and back.
func TestArpa(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"4.3.2.1.in-addr.arpa", "1.2.3.4"},
		{"255.255.255.255.in-addr.arpa", "255.255.255.255"},
		{strings.TrimSuffix(reverse6("2001:db8::1:2"), "."), "2001:db8::1:2"},
		{strings.TrimSuffix(reverse6("::"), "."), "::"},
		{"04.3.2.1.in-addr.arpa", ""}, {"256.3.2.1.in-addr.arpa", ""}, {"+4.3.2.1.in-addr.arpa", ""},
		{"3.2.1.in-addr.arpa", ""}, {"5.4.3.2.1.in-addr.arpa", ""}, {"..2.1.in-addr.arpa", ""},
		{"in-addr.arpa", ""}, {".in-addr.arpa", ""}, {"ip6.arpa", ""}, {".ip6.arpa", ""}, {"", ""},
		{"4.3.2.1.ip6.arpa", ""}, {"::1.2.in-addr.arpa", ""}, {"x" + reverse6("::1")[1:71], ""},
		{strings.Replace(reverse6("::1")[:71], ".", "-", 1), ""},
		{strings.Repeat("0.", 33) + "ip6.arpa", ""},
	} {
		got, ok := fromArpa(c.name)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s: %v, %v, want %s", c.name, got, ok, c.want)
		}
	}
}
