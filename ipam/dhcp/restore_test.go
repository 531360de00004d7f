package dhcp

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"vswitch/internal/frame"
)

// What is saved comes back after a restart: leases go on, quarantines as well, ended
// ones are remembered, and what is not free is named.
func TestRestore(t *testing.T) {
	k := newTalk(t, config(t, 9))
	k.run(`
		a: DISCOVER rapid -> ACK 10.9.0.2
		b: DISCOVER id=bee host=bee rapid -> ACK 10.9.0.3
		c: DISCOVER rapid -> ACK 10.9.0.4
		c: DECLINE req=10.9.0.4 sid=me -> -
		d: DISCOVER -> OFFER 10.9.0.5`)
	(&talker{t, k.s, k.now, 1, 9}).say(dhcpv6.MessageTypeRequest, nil)
	text, err := json.Marshal(k.s.Leases(k.now))
	must(t, err)
	var saved []Lease
	must(t, json.Unmarshal(text, &saved))
	saved = append(saved, Lease{Addr: netip.MustParseAddr("10.9.0.6"), MAC: macOf(5), State: Bound, Expires: start},
		Lease{Addr: netip.MustParseAddr("10.7.0.6"), MAC: macOf(6), State: Bound, Expires: start.Add(time.Hour)})

	again := newTalk(t, config(t, 9))
	must(t, again.s.cfg.Pool.Request(netip.MustParseAddr("10.9.0.3")))
	err = again.s.Restore(saved, start.Add(time.Minute))
	if !errors.Is(err, ErrConflict) {
		t.Errorf("the address that was taken meanwhile: %v", err)
	}
	var got []string
	for _, l := range again.s.Leases(start) {
		if l.Port != frame.NoPort {
			t.Errorf("port %v", l.Port)
		}
		got = append(got, l.Addr.String()+" "+string(l.State))
	}
	if diff := cmp.Diff([]string{"10.9.0.2 bound", "10.9.0.4 declined", "fd09::2 bound"}, got); diff != "" {
		t.Error(diff)
	}
	again.now = start.Add(time.Minute)
	again.run(`
		a: REQUEST ci=10.9.0.2 -> ACK 10.9.0.2
		b: REQUEST id=bee ci=10.9.0.3 -> NAK 0.0.0.0
		f: DISCOVER -> OFFER 10.9.0.5
		e: DISCOVER -> OFFER 10.9.0.6`)
	if got := gist((&talker{t, again.s, again.now, 1, 9}).say(dhcpv6.MessageTypeRenew, nil)); got != "REPLY fd09::2=1h0m0s" {
		t.Error(got)
	}
}

func TestReservations(t *testing.T) {
	k := newTalk(t, config(t, 9))
	addr := netip.MustParseAddr
	must(t, k.s.Reserve(Reservation{Addr: addr("10.9.0.5"), MAC: macOf(1), Hostname: "db"}))
	must(t, k.s.Reserve(Reservation{Addr: addr("10.9.0.2"), ClientID: []byte("bee")}))
	must(t, k.s.Reserve(Reservation{Addr: addr("fd09::55"), MAC: macOf(1)}.inPool(k)))
	k.run(`
		a: DISCOVER rapid -> ACK 10.9.0.5
		b: DISCOVER rapid -> ACK 10.9.0.3
		b: REQUEST req=10.9.0.2 sid=me -> NAK 0.0.0.0
		b: DISCOVER id=bee req=10.9.0.9 rapid -> ACK 10.9.0.2
		a: RELEASE ci=10.9.0.5 sid=me -> -
		c: DISCOVER req=10.9.0.5 -> OFFER 10.9.0.4
		a: REQUEST req=10.9.0.9 -> NAK 0.0.0.0
		a: REQUEST req=10.9.0.5 -> ACK 10.9.0.5`)
	if got := gist((&talker{t, k.s, k.now, 1, 1}).say(dhcpv6.MessageTypeSolicit, nil)); got != "ADVERTISE fd09::55=1h0m0s" {
		t.Error(got)
	}
	if l := k.s.Leases(k.now)[3]; l.Hostname != "db" || l.State != Bound {
		t.Errorf("%+v", l)
	}

	// One that comes later moves its client, or takes the lease over.
	must(t, k.s.Reserve(Reservation{Addr: addr("10.9.0.3"), MAC: macOf(2)}))
	must(t, k.s.Reserve(Reservation{Addr: addr("10.9.0.8"), MAC: macOf(4)}))
	if err := k.s.Reserve(Reservation{Addr: addr("10.9.0.4"), MAC: macOf(9)}); !errors.Is(err, ErrConflict) {
		t.Errorf("an address that is on offer: %v", err)
	}
	for _, r := range []Reservation{{}, {Addr: addr("10.9.0.7")}, {Addr: gateway, MAC: 1}, {Addr: addr("10.9.0.7"), MAC: macOf(1)},
		{Addr: addr("10.9.0.5"), MAC: macOf(9)}, {Addr: addr("10.9.0.7"), MAC: macOf(9), Hostname: "a b"}} {
		if k.s.Reserve(r) == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	k.run("+1h")
	k.s.Expire(k.now)
	if used := len(k.s.cfg.Pool.(*testPool).used); used != 4 {
		t.Errorf("%d addresses are held, want the 4 reserved ones", used)
	}
	for _, a := range []string{"10.9.0.5", "10.9.0.2", "10.9.0.3", "10.9.0.8", "fd09::55"} {
		if !k.s.Unreserve(k.now, addr(a)) {
			t.Errorf("%s was not reserved", a)
		}
	}
	if left := len(k.s.cfg.Pool.(*testPool).used) + len(k.s.Leases(k.now)); left != 0 || k.s.Unreserve(k.now, addr("10.9.0.5")) {
		t.Errorf("%d left", left)
	}
}

// inPool takes the address from the pool, as static allocation does.
func (r Reservation) inPool(k *talk) Reservation {
	k.s.cfg.Pool6.(*testPool).used[r.Addr] = true
	r.Allocated = true
	return r
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"nothing to serve": func(c *Config) { c.Subnet, c.Prefix6 = netip.Prefix{}, netip.Prefix{} },
		"no MAC":           func(c *Config) { c.ServerMAC = 0 },
		"a foreign server": func(c *Config) { c.ServerAddr = netip.MustParseAddr("10.8.0.1") },
		"no pool":          func(c *Config) { c.Pool = nil },
		"a small MTU":      func(c *Config) { c.MTU = 1279 },
		"a global address": func(c *Config) { c.LinkLocal = netip.MustParseAddr("fd09::1") },
		"a domain":         func(c *Config) { c.Domain = "a b" },
		"an empty domain":  func(c *Config) { c.Search = []string{""} },
		"long domains":     func(c *Config) { c.Search = slices.Repeat([]string{"example.org"}, 30) },
		"a mixed resolver": func(c *Config) { c.DNS = []netip.Addr{linkLocal} },
		"a short DUID":     func(c *Config) { c.DUID = []byte{1} },
		"hectic":           func(c *Config) { c.RAInterval = time.Second },
	} {
		cfg := config(t, 9)
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The station that an address is reserved for by its hardware address gets it under
// any identifier: one program after the other asks there.
func TestReservedUnderAnotherIdentifier(t *testing.T) {
	k := newTalk(t, config(t, 9))
	must(t, k.s.Reserve(Reservation{Addr: netip.MustParseAddr("10.9.0.5"), MAC: macOf(1)}))
	k.run(`
		a: DISCOVER id=01aa -> OFFER 10.9.0.5
		a: REQUEST id=01aa sid=me req=10.9.0.5 -> ACK 10.9.0.5
		a: DISCOVER -> OFFER 10.9.0.5
		a: REQUEST sid=me req=10.9.0.5 -> ACK 10.9.0.5
		b: DISCOVER req=10.9.0.5 -> OFFER 10.9.0.2
	`)
}
