package dhcp

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vswitch/internal/frame"
)

// model is a world of clients that believe what they are told, and of what each has
// because of that. It knows nothing of the server but its answers.
type model struct {
	t     *testing.T
	s     *Server
	now   time.Time
	rng   *rand.Rand
	has   [modelClients]held
	asked []netip.Addr // probes without a result
}

type held struct {
	offered netip.Addr
	addr    netip.Addr
	until   time.Time
}

const modelClients = 9

// No address is ever leased to two clients at a time, whatever the clients do, in
// which order, and whatever fails; and the pool holds what the server has given, no
// more and no less.
func TestNoAddressTwice(t *testing.T) {
	for seed := range uint64(60) {
		m := &model{t: t, now: start, rng: rand.New(rand.NewPCG(seed, 1))}
		cfg := config(t, 5)
		cfg.LeaseTime, cfg.MaxLease, cfg.Quarantine = 3*time.Minute, 3*time.Minute, 4*time.Minute
		cfg.Limits.Memory = 4
		cfg.Probe = func(a netip.Addr, _ frame.MAC) bool {
			m.asked = append(m.asked, a)
			return m.rng.IntN(4) > 0
		}
		cfg.InUse = func(netip.Addr, frame.MAC) bool { return m.rng.IntN(20) == 0 }
		cfg.OnLease = func(Lease, Event) error {
			if m.rng.IntN(10) == 0 {
				return errors.New("disk full")
			}
			return nil
		}
		m.s = newServer(t, cfg)
		for range 600 {
			m.step()
			m.check()
		}
		m.now = m.now.Add(time.Hour)
		m.s.Expire(m.now)
		if n := len(cfg.Pool.(*testPool).used); n != 0 {
			t.Fatalf("seed %d: %d addresses are still taken", seed, n)
		}
	}
}

// step has one client, or the time, do something.
func (m *model) step() {
	n := m.rng.IntN(modelClients)
	c := &m.has[n]
	switch m.rng.IntN(10) {
	case 0:
		m.now = m.now.Add(time.Duration(m.rng.IntN(90)) * time.Second)
	case 1:
		m.probed()
	case 2, 3:
		m.say(n, dhcpv4.MessageTypeDiscover, m.anywhere(), netip.Addr{}, m.rng.IntN(3) == 0, false)
	case 4, 5:
		if c.offered.IsValid() {
			m.say(n, dhcpv4.MessageTypeRequest, c.offered, netip.Addr{}, false, true)
		}
	case 6:
		m.say(n, dhcpv4.MessageTypeRequest, m.anywhere(), netip.Addr{}, false, m.rng.IntN(2) == 0)
	case 7:
		m.say(n, dhcpv4.MessageTypeRequest, netip.Addr{}, m.anywhere(), false, false)
	case 8:
		m.say(n, dhcpv4.MessageTypeRelease, netip.Addr{}, c.addr, false, true)
		*c = held{}
	case 9:
		m.leave(n)
	}
}

// leave has a client decline its address, or its port end.
func (m *model) leave(n int) {
	if m.rng.IntN(2) == 0 {
		m.say(n, dhcpv4.MessageTypeDecline, m.has[n].addr, netip.Addr{}, false, true)
	} else {
		m.s.ReleasePort(m.now, frame.PortID(n))
	}
	m.has[n] = held{}
}

// anywhere is some address, of the pool or near it.
func (m *model) anywhere() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 9, 0, byte(m.rng.IntN(9))})
}

func (m *model) say(n int, kind dhcpv4.MessageType, wants, has netip.Addr, rapid, sid bool) {
	msg := message4(n, kind)
	if wants.IsValid() {
		msg.UpdateOption(dhcpv4.OptRequestedIPAddress(wants.AsSlice()))
	}
	if has.IsValid() {
		msg.ClientIPAddr = has.AsSlice()
	}
	if rapid {
		msg.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRapidCommit, nil))
	}
	if sid {
		msg.UpdateOption(dhcpv4.OptServerIdentifier(gateway.AsSlice()))
	}
	out, _ := m.s.Serve4(m.now, frame.PortID(n), frame4(n, msg))
	m.hear(n, out)
}

func (m *model) probed() {
	if len(m.asked) == 0 {
		return
	}
	a := m.asked[0]
	m.asked = m.asked[1:]
	to, out := m.s.Probed(m.now, a, m.rng.IntN(2) == 0)
	m.hear(int(to), out)
}

// hear has a client believe an answer.
func (m *model) hear(n int, out [][]byte) {
	if len(out) == 0 {
		return
	}
	_, r := reply4Of(m.t, out[0], 1400)
	c := &m.has[n]
	switch r.MessageType() {
	case dhcpv4.MessageTypeOffer:
		c.offered = addr4(r.YourIPAddr)
	case dhcpv4.MessageTypeAck:
		*c = held{addr: addr4(r.YourIPAddr), until: m.now.Add(r.IPAddressLeaseTime(0))}
	case dhcpv4.MessageTypeNak:
		*c = held{}
	}
}

// check compares the clients with each other and the server with its pool.
func (m *model) check() {
	m.t.Helper()
	by := map[netip.Addr]int{}
	for n, c := range m.has {
		if !c.addr.IsValid() || !m.now.Before(c.until) {
			continue
		}
		if other, taken := by[c.addr]; taken {
			m.t.Fatalf("%v is leased to %d and to %d", c.addr, other, n)
		}
		if by[c.addr] = n; !subnet.Contains(c.addr) || edge(subnet, c.addr) || c.addr == gateway {
			m.t.Fatalf("%v was leased", c.addr)
		}
	}
	consistent(m.t, m.s)
}
