package portfwd

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// specs reads a list as it stands behind several -p.
func specs(t testing.TB, list ...string) (out []Spec) {
	t.Helper()
	for _, s := range list {
		some, err := ParseSpec(s)
		must(t, err)
		out = append(out, some...)
	}
	return out
}

// lines lists publications as docker port does.
func lines(pubs []Publication) (out []string) {
	for _, p := range pubs {
		for _, b := range p.Bindings {
			out = append(out, p.Owner+" "+b.String())
		}
	}
	return out
}

func TestPublishAndList(t *testing.T) {
	c := newCarrier()
	table := NewTable((&fakeHost{}).allocator(small, true), c, nil)
	_, err := table.Publish("web", specs(t, "8443:443", "8080:80", "8080:80/udp", "127.0.0.2:9:80", "127.0.0.1:9:80"), Options{Target: both})
	must(t, err)
	_, err = table.Publish("db", specs(t, "[::1]:5432:5432"), Options{Target: both})
	must(t, err)
	want := []string{
		"db 5432/tcp -> [::1]:5432",
		"web 80/tcp -> 0.0.0.0:8080", "web 80/tcp -> [::]:8080",
		"web 80/tcp -> 127.0.0.1:9", "web 80/tcp -> 127.0.0.2:9",
		"web 80/udp -> 0.0.0.0:8080", "web 80/udp -> [::]:8080",
		"web 443/tcp -> 0.0.0.0:8443", "web 443/tcp -> [::]:8443",
	}
	if got := lines(table.List()); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := lines(table.Of("db")); !slices.Equal(got, want[:1]) {
		t.Error(got)
	}
	if len(c.open) != len(want) {
		t.Errorf("%d bindings, %d are carried", len(want), len(c.open))
	}
	must(t, table.UnpublishAll("web"))
	must(t, table.UnpublishAll("web")) // nothing to do
	must(t, table.UnpublishAll("db"))
	if len(c.open)+len(table.List())+len(table.alloc.held) != 0 {
		t.Errorf("left: %v, %v, %v", c.open, lines(table.List()), table.alloc.held)
	}
}

// TestAllOrNothing: whatever fails, and at whichever port, nothing stays.
func TestAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		host  *fakeHost
		deny  map[string]bool
		specs []string
		want  error
	}{
		{name: "in use among themselves", host: &fakeHost{}, specs: []string{"80:80", "81:81", "127.0.0.1:80:82"}, want: ErrInUse},
		{name: "busy", host: &fakeHost{refuse: map[string]error{"tcp 0.0.0.0:82": unix.EADDRINUSE}}, specs: []string{"81:81", "82:82"}, want: ErrInUse},
		{name: "carrier", host: &fakeHost{}, deny: map[string]bool{"82/tcp -> [::]:82": true}, specs: []string{"81:81", "82:82", "83:83"}, want: errDenied},
	} {
		before := descriptors(t)
		carrier := newCarrier()
		carrier.deny = c.deny
		table := NewTable(c.host.allocator(small, true), carrier, nil)
		pubs, err := table.Publish("web", specs(t, c.specs...), Options{Target: both})
		if !errors.Is(err, c.want) || pubs != nil {
			t.Errorf("%s: %v, %v", c.name, lines(pubs), err)
		}
		for _, port := range []uint16{80, 81, 82, 83} {
			if table.Wildcard(unix.IPPROTO_TCP, false, port) || table.Wildcard(unix.IPPROTO_TCP, true, port) {
				t.Errorf("%s: port %d still leads to a gateway", c.name, port)
			}
		}
		if n := len(carrier.open) + len(table.List()) + len(table.alloc.held) + descriptors(t) - before; n != 0 {
			t.Errorf("%s: something is left: %v, %v, %v", c.name, carrier.open, lines(table.List()), table.alloc.held)
		}
	}
}

func TestUnpublish(t *testing.T) {
	const low, high, dns = "8080:80/tcp", "127.0.0.1:8081:80/tcp", "40000:53/udp"
	for _, c := range []struct {
		spec string
		left []string // nil is ErrNotPublished
	}{
		{"80", []string{dns}},
		{"8080:80", []string{dns, high}},
		{"8000-9000:80", []string{dns}},
		{"127.0.0.1:8081:80", []string{dns, low}},
		{"127.0.0.1::80", []string{dns, low}},
		{"40000:53/udp", []string{low, high}},
		{"53/udp", []string{low, high}},
		{"127.0.0.1:8080:80", nil},
		{"80/udp", nil},
		{"8082:80", nil},
	} {
		table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), nil)
		_, err := table.Publish("web", specs(t, "8080:80", "127.0.0.1:8081:80", "53/udp"), Options{Target: both})
		must(t, err)
		err = table.Unpublish("web", spec(t, c.spec))
		if c.left == nil && !errors.Is(err, ErrNotPublished) || c.left != nil && err != nil {
			t.Errorf("%s: %v", c.spec, err)
		}
		var left []string
		for _, p := range table.List() {
			left = append(left, p.Spec.At(p.Port()).String())
		}
		if c.left == nil {
			c.left = []string{dns, low, high}
		}
		if !slices.Equal(left, c.left) {
			t.Errorf("%s: %v is left, want %v", c.spec, left, c.left)
		}
		if err := table.Unpublish("db", spec(t, "53/udp")); !errors.Is(err, ErrNotPublished) {
			t.Errorf("of another owner: %v", err)
		}
		must(t, table.UnpublishAll("web"))
	}
}

// TestOrder: nothing leads to a binding before it is carried, and when the carrier
// lets go of it its socket is still open.
func TestOrder(t *testing.T) {
	c := newCarrier()
	table := NewTable((&fakeHost{}).allocator(small, true), c, nil)
	_, err := table.Publish("web", specs(t, "80:80", "127.0.0.1::53/udp"), Options{Target: both})
	must(t, err)
	must(t, table.UnpublishAll("web"))
	want := []string{
		"open 80/tcp -> 0.0.0.0:80", "open 80/tcp -> [::]:80", "open 53/udp -> 127.0.0.1:40000",
		"close 53/udp -> 127.0.0.1:40000", "close 80/tcp -> 0.0.0.0:80", "close 80/tcp -> [::]:80",
	}
	if !slices.Equal(c.said, want) {
		t.Error(c.said)
	}
}

func TestWildcard(t *testing.T) {
	table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), nil)
	_, err := table.Publish("web", specs(t, "0.0.0.0:63:80", "[::]:64:80", "127.0.0.1:65:80", "65535:80/udp"), Options{Target: both})
	must(t, err)
	type key struct {
		proto uint8
		v6    bool
		port  uint16
	}
	set := map[key]bool{{6, false, 63}: true, {6, true, 64}: true, {17, false, 65535}: true, {17, true, 65535}: true}
	check := func(set map[key]bool) {
		t.Helper()
		for _, proto := range []uint8{1, 6, 17, 132} {
			for _, v6 := range []bool{false, true} {
				for port := range 1 << 16 {
					k := key{proto, v6, uint16(port)}
					if got := table.Wildcard(proto, v6, uint16(port)); got != set[k] {
						t.Errorf("%+v: %v", k, got)
					}
				}
			}
		}
	}
	check(set)
	if n := testing.AllocsPerRun(100, func() { table.Wildcard(6, false, 63) }); n != 0 {
		t.Errorf("%v allocations a lookup", n)
	}
	must(t, table.UnpublishAll("web"))
	check(nil)
}

func TestPublished(t *testing.T) {
	table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), nil)
	_, err := table.Publish("web", specs(t, "0.0.0.0:80:80", "127.0.0.1:81:81", "127.0.0.2:81:82"), Options{Target: both})
	must(t, err)
	for at, want := range map[string]uint16{
		"192.0.2.1:80": 80, "127.0.0.1:81": 81, "127.0.0.2:81": 82, "127.0.0.3:81": 0, "[::1]:80": 0, "127.0.0.1:82": 0,
	} {
		b, ok := table.Published(TCP, netip.MustParseAddrPort(at))
		if ok != (want != 0) || ok && b.Target.Port() != want {
			t.Errorf("%s: %v, want port %d", at, b, want)
		}
	}
	must(t, table.UnpublishAll("web"))
}

// TestRestore: what a table had is had again by a new one, with the ports that were chosen.
func TestRestore(t *testing.T) {
	old := NewTable(NewAllocator(AllocatorConfig{}), newCarrier(), nil)
	pubs, err := old.Publish("web", specs(t, "127.0.0.1::80", "127.0.0.1::53/udp"), Options{Target: both})
	must(t, err)
	var again []Spec
	for _, p := range pubs {
		again = append(again, p.Spec.At(p.Port()))
	}
	want := lines(old.List())
	must(t, old.UnpublishAll("web"))
	table := NewTable(NewAllocator(AllocatorConfig{}), newCarrier(), nil)
	_, err = table.Publish("web", again, Options{Target: both})
	must(t, err)
	if got := lines(table.List()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	must(t, table.UnpublishAll("web"))
}

// TestAtOnce has many owners compete for the same ports.
func TestAtOnce(t *testing.T) {
	d := Dynamic{Range: Range{First: 40000, Last: 40099}}
	table := NewTable((&fakeHost{}).allocator(d, true), newCarrier(), nil)
	var wg sync.WaitGroup
	for i := range 8 {
		owner := string(rune('a' + i))
		list := specs(t, "80", "81", "53/udp")
		wg.Go(func() {
			for range 50 {
				if _, err := table.Publish(owner, list, Options{Target: both}); err != nil {
					t.Error(err)
				}
				table.List()
				table.Wildcard(6, false, 40000)
				if err := table.UnpublishAll(owner); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(table.alloc.held) != 0 {
		t.Errorf("held: %v", table.alloc.held)
	}
}

func TestSpliceNeedsDial(t *testing.T) {
	table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), NewSplicer(SpliceConfig{}))
	if _, err := table.Publish("web", specs(t, "80:80"), Options{Target: both, Splice: true}); !errors.Is(err, ErrDial) {
		t.Error(err)
	}
}

// TestUnpublishExactly: of two that a port without an address would mean, the one that was
// published by just that goes first.
func TestUnpublishExactly(t *testing.T) {
	table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), nil)
	_, err := table.Publish("web", specs(t, "80", "127.0.0.2:40000:80"), Options{Target: both, Default: netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	asked := spec(t, "80").At(table.List()[0].Port())
	for _, left := range []string{"127.0.0.2:40000:80/tcp", ""} {
		must(t, table.Unpublish("web", asked))
		if got := strings.Join(asTyped(table), " "); got != left {
			t.Errorf("%q is left, want %q", got, left)
		}
	}
}

func asTyped(t *Table) (out []string) {
	for _, p := range t.List() {
		out = append(out, p.Spec.String())
	}
	return out
}
