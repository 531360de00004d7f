package dhcp

import (
	"errors"
	"testing"
	"time"

	"vswitch/internal/frame"
)

// The states of RFC 2131, sections 4.3.1 to 4.3.5, and what a server of one network
// that is alone there makes of them.
func TestConversations(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int // addresses in the pool
		script string
	}{
		{"a client gets an address and the next another", 10, `
			a: DISCOVER -> OFFER 10.9.0.2 to=10.9.0.2 lease=3600
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2 to=10.9.0.2 lease=3600
			b: DISCOVER -> OFFER 10.9.0.3
			b: REQUEST req=10.9.0.3 sid=me -> ACK 10.9.0.3`},
		{"who cannot take unicast asks for broadcast", 10, `
			a: DISCOVER bcast -> OFFER 10.9.0.2 all
			a: REQUEST bcast req=10.9.0.2 sid=me -> ACK 10.9.0.2 all
			a: REQUEST bcast ci=10.9.0.2 -> ACK 10.9.0.2 to=10.9.0.2`},
		{"the same offer to the same client", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			b: DISCOVER -> OFFER 10.9.0.3
			a: DISCOVER -> OFFER 10.9.0.2
			a: DISCOVER req=10.9.0.9 -> OFFER 10.9.0.2`},
		{"a requested address is offered if it is free and of the network", 10, `
			a: DISCOVER req=10.9.0.7 -> OFFER 10.9.0.7
			b: DISCOVER req=10.9.0.7 -> OFFER 10.9.0.2
			c: DISCOVER req=10.8.0.7 -> OFFER 10.9.0.3
			d: DISCOVER req=10.9.0.1 -> OFFER 10.9.0.4
			e: DISCOVER req=10.9.0.255 -> OFFER 10.9.0.5
			f: DISCOVER req=10.9.0.0 -> OFFER 10.9.0.6`},
		{"an offer is kept for 30 s", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			+29s
			b: DISCOVER -> OFFER 10.9.0.3
			+1s
			c: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> NAK 0.0.0.0 all`},
		{"an offer that is over is honoured while the address is free", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			+40s
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2`},
		{"a client that takes another server's offer", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.77 sid=10.9.0.99 -> -
			b: DISCOVER -> OFFER 10.9.0.2`},
		{"selecting what was not offered", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.5 sid=me -> NAK 0.0.0.0 all
			a: REQUEST sid=me -> why=bad-request`},
		{"renewing and rebinding", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			+30m
			a: REQUEST ci=10.9.0.2 -> ACK 10.9.0.2 to=10.9.0.2 lease=3600
			+59m59s
			a: REQUEST ci=10.9.0.2 -> ACK 10.9.0.2
			+59m
			b: DISCOVER req=10.9.0.2 -> OFFER 10.9.0.3`},
		{"a lease ends, and its client gets it again while it is free", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			+1h
			b: DISCOVER -> OFFER 10.9.0.3
			a: DISCOVER -> OFFER 10.9.0.2`},
		{"rebooting at the right address", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			+10m
			a: REQUEST req=10.9.0.2 -> ACK 10.9.0.2 to=10.9.0.2
			+2h
			a: REQUEST req=10.9.0.2 -> ACK 10.9.0.2`},
		{"rebooting at a wrong one", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			a: REQUEST req=10.9.0.3 -> NAK 0.0.0.0 all
			a: REQUEST req=192.168.0.2 -> NAK 0.0.0.0 all
			b: REQUEST req=10.9.0.2 -> NAK 0.0.0.0 all
			b: REQUEST ci=10.9.0.2 -> NAK 0.0.0.0 all
			b: REQUEST req=10.9.0.1 -> NAK 0.0.0.0 all`},
		{"the lease file was lost: clients keep what is free", 10, `
			a: REQUEST req=10.9.0.4 -> ACK 10.9.0.4
			b: REQUEST ci=10.9.0.5 -> ACK 10.9.0.5
			c: REQUEST ci=10.9.0.5 -> NAK 0.0.0.0 all`},
		{"requests that make no sense", 10, `
			a: REQUEST -> why=bad-request
			a: REQUEST req=10.9.0.2 ci=10.9.0.3 -> why=bad-request
			a: RELEASE sid=me -> why=bad-request
			a: RELEASE ci=10.9.0.2 -> why=bad-request
			a: DECLINE sid=me -> why=bad-request
			a: DECLINE req=10.9.0.2 -> why=bad-request
			a: INFORM -> why=bad-request`},
		{"release", 10, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			b: RELEASE ci=10.9.0.2 sid=me -> -
			b: REQUEST ci=10.9.0.2 -> NAK 0.0.0.0
			a: RELEASE ci=10.9.0.2 sid=10.9.0.99 -> -
			b: REQUEST ci=10.9.0.2 -> NAK 0.0.0.0
			a: RELEASE ci=10.9.0.2 sid=me -> -
			b: DISCOVER -> OFFER 10.9.0.3
			a: DISCOVER -> OFFER 10.9.0.2`},
		{"decline: another address, and the declined one rests", 3, `
			a: DISCOVER -> OFFER 10.9.0.2
			a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
			a: DECLINE req=10.9.0.2 sid=me -> -
			a: DISCOVER -> OFFER 10.9.0.3
			b: DISCOVER -> OFFER 10.9.0.4
			c: DISCOVER -> -
			+10m
			c: DISCOVER -> OFFER 10.9.0.2`},
		{"inform", 10, `
			a: INFORM ci=10.9.0.77 -> ACK 0.0.0.0 to=10.9.0.77 lease=0
			a: INFORM ci=10.8.0.77 -> why=bad-request
			b: DISCOVER -> OFFER 10.9.0.2`},
		{"a client chooses its lease time within bounds", 10, `
			a: DISCOVER lease=600 -> OFFER 10.9.0.2 lease=600
			a: REQUEST lease=600 req=10.9.0.2 sid=me -> ACK 10.9.0.2 lease=600
			a: REQUEST lease=1 ci=10.9.0.2 -> ACK 10.9.0.2 lease=60
			a: REQUEST lease=4294967295 ci=10.9.0.2 -> ACK 10.9.0.2 lease=7200`},
		{"rapid commit", 10, `
			a: DISCOVER rapid -> ACK 10.9.0.2 lease=3600
			a: REQUEST ci=10.9.0.2 -> ACK 10.9.0.2`},
		{"the identifier goes before the hardware address", 10, `
			a: DISCOVER id=one -> OFFER 10.9.0.2
			a: DISCOVER id=two -> OFFER 10.9.0.3
			a: DISCOVER -> OFFER 10.9.0.4
			b: DISCOVER id=one port=1 -> OFFER 10.9.0.2
			a: DISCOVER id=1 -> why=bad-request`},
		{"an empty pool, and the oldest lease that ended", 2, `
			a: DISCOVER rapid -> ACK 10.9.0.2
			+1m
			b: DISCOVER rapid -> ACK 10.9.0.3
			c: DISCOVER -> -
			+59m
			c: DISCOVER rapid -> -
			probe 10.9.0.2 free -> ACK 10.9.0.2
			d: DISCOVER -> -
			+1m
			d: DISCOVER -> -
			probe 10.9.0.3 free -> OFFER 10.9.0.3`},
		{"a probe finds somebody", 2, `
			a: DISCOVER rapid -> ACK 10.9.0.2
			b: DISCOVER rapid -> ACK 10.9.0.3
			+1h
			c: DISCOVER -> -
			c: REQUEST req=10.9.0.2 sid=me -> -
			probe 10.9.0.2 taken -> -
			probe 10.9.0.3 free -> OFFER 10.9.0.3
			d: DISCOVER -> -`},
		{"a probe without a result", 1, `
			a: DISCOVER rapid -> ACK 10.9.0.2
			+1h
			c: DISCOVER -> -
			+499ms
			c: DISCOVER -> -
			+1ms
			c: DISCOVER rapid -> ACK 10.9.0.2`},
		{"who reboots at an address that was another's must ask for it", 10, `
			a: DISCOVER rapid -> ACK 10.9.0.2
			+1h
			b: REQUEST req=10.9.0.2 -> NAK 0.0.0.0 all`},
		{"an address that somebody is known to use", 10, `
			used 10.9.0.2 z
			used 10.9.0.3 a
			a: DISCOVER -> OFFER 10.9.0.3
			b: DISCOVER req=10.9.0.2 -> OFFER 10.9.0.4
			+10m
			c: DISCOVER -> OFFER 10.9.0.4`},
		{"a port has its share", 99, `
			a: DISCOVER id=11 -> OFFER 10.9.0.2
			a: DISCOVER id=12 -> OFFER 10.9.0.3
			a: DISCOVER id=13 -> OFFER 10.9.0.4
			a: DISCOVER id=14 -> OFFER 10.9.0.5
			a: DISCOVER id=15 -> OFFER 10.9.0.6
			a: DISCOVER id=16 -> OFFER 10.9.0.7
			a: DISCOVER id=17 rapid -> ACK 10.9.0.8
			a: DECLINE id=17 req=10.9.0.8 sid=me -> -
			a: DISCOVER id=18 -> OFFER 10.9.0.9
			a: DISCOVER id=19 -> why=service-limit
			a: REQUEST id=19 req=10.9.0.10 -> why=service-limit
			b: DISCOVER -> OFFER 10.9.0.10
			+30s
			a: DISCOVER id=19 -> OFFER 10.9.0.2
			a: gone
			a: DISCOVER id=20 -> OFFER 10.9.0.2`},
	} {
		t.Run(c.name, func(t *testing.T) { newTalk(t, config(t, c.n)).run(c.script) })
	}
}

// Containers are told apart by their names, whatever identifier they send.
func TestOwners(t *testing.T) {
	cfg := config(t, 99)
	cfg.Owner = func(p frame.PortID) (Owner, bool) {
		switch p {
		case 1:
			return Owner{Container: "web", Hostname: "www", MACs: []frame.MAC{macOf(1)}, MaxLeases: 1}, true
		case 2:
			return Owner{Container: "db"}, true
		}
		return Owner{}, false
	}
	k := newTalk(t, cfg)
	k.run(`
		a: DISCOVER id=same host=evil rapid -> ACK 10.9.0.2
		b: DISCOVER id=same host=Db.example rapid -> ACK 10.9.0.3
		c: DISCOVER id=same host=-bad- rapid -> ACK 10.9.0.4
		b: RELEASE id=same ci=10.9.0.2 sid=me -> -
		a: DISCOVER id=more -> why=service-limit
		b: DISCOVER port=1 -> why=bad-request`)
	got := ""
	for _, l := range k.s.Leases(k.now) {
		got += l.Addr.String() + " " + l.Container + " " + l.Hostname + "\n"
	}
	if want := "10.9.0.2 web www\n10.9.0.3 db db\n10.9.0.4  \n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	k.s.ReleaseContainer(k.now, "web")
	if l := k.s.Leases(k.now); len(l) != 2 {
		t.Errorf("after the container went: %v", l)
	}
}

// A lease that cannot be saved is not promised, and a renewal that cannot be saved
// leaves the lease as it was.
func TestNotSaved(t *testing.T) {
	k := newTalk(t, config(t, 9))
	k.saves = errors.New("disk full")
	k.run(`
		a: DISCOVER -> OFFER 10.9.0.2
		a: REQUEST req=10.9.0.2 sid=me -> -`)
	k.saves = nil
	k.run(`
		a: REQUEST req=10.9.0.2 sid=me -> ACK 10.9.0.2
		+30m`)
	k.saves = errors.New("disk full")
	k.run("a: REQUEST ci=10.9.0.2 -> -")
	if l := k.s.Leases(k.now); len(l) != 1 || !l[0].Expires.Equal(start.Add(time.Hour)) || l[0].State != Bound {
		t.Errorf("%v", l)
	}
	if n := k.s.Stats().NotSaved; n != 2 {
		t.Errorf("%d not saved", n)
	}
	if !k.s.NextExpiry().Equal(start.Add(time.Hour)) {
		t.Errorf("next expiry %v", k.s.NextExpiry())
	}
}

// The events of a life, in their order.
func TestEvents(t *testing.T) {
	var got []Event
	cfg := config(t, 9)
	cfg.OnLease = func(l Lease, e Event) error {
		if l.Network != "net1" || l.MAC != macOf(1) || l.Port != 1 {
			t.Errorf("%+v", l)
		}
		got = append(got, e)
		return nil
	}
	k := newTalk(t, cfg)
	k.run(`
		a: DISCOVER rapid -> ACK 10.9.0.2
		a: REQUEST ci=10.9.0.2 -> ACK 10.9.0.2
		a: DECLINE req=10.9.0.2 sid=me -> -
		a: DISCOVER rapid -> ACK 10.9.0.3
		a: RELEASE ci=10.9.0.3 sid=me -> -
		a: DISCOVER rapid -> ACK 10.9.0.3
		+1h`)
	k.s.Expire(k.now)
	want := []Event{EventBound, EventRenewed, EventDeclined, EventBound, EventReleased, EventBound, EventExpired, EventExpired}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d is %v, want %v", i, got[i], want[i])
		}
	}
	if !k.s.NextExpiry().IsZero() || len(cfg.Pool.(*testPool).used) != 0 {
		t.Errorf("left: next expiry %v, pool %v", k.s.NextExpiry(), cfg.Pool.(*testPool).used)
	}
}
