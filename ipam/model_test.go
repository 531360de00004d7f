package ipam

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
)

// model is a pool as a list of what is taken, searched from the bottom each time.
type model struct {
	cfg   PoolConfig
	taken map[netip.Addr]bool
	last  netip.Addr
}

func newModel(p *Pool) *model {
	m := &model{cfg: p.Config(), taken: map[netip.Addr]bool{}}
	m.taken[p.Gateway()] = true
	for _, r := range reservedOf(m.cfg.Subnet) {
		m.taken[r.addr] = true
	}
	m.last = p.last
	return m
}

// next is what Next must give; zero when the range is exhausted.
func (m *model) next() netip.Addr {
	var lowest, after netip.Addr
	r := m.cfg.dynamic()
	for a := r.Addr(); r.Contains(a); a = a.Next() {
		if m.taken[a] {
			continue
		}
		if !lowest.IsValid() {
			lowest = a
		}
		if m.last.Less(a) {
			after = a
			break
		}
	}
	if m.cfg.Serial && m.last.IsValid() && after.IsValid() {
		return after
	}
	return lowest
}

// fill takes up to n addresses, of which it believes p that they come next.
func (m *model) fill(p *Pool, n int) {
	for range n {
		if a, err := p.Next(); err == nil {
			m.taken[a], m.last = true, a
		}
	}
}

// fixed reports whether nobody can request or release a.
func (m *model) fixed(a netip.Addr) bool {
	for _, r := range reservedOf(m.cfg.Subnet) {
		if a == r.addr {
			return true
		}
	}
	return a == m.cfg.Gateway || !m.cfg.Subnet.Contains(a)
}

// step does one thing to both, and compares.
func (m *model) step(t *testing.T, p *Pool, op byte, a netip.Addr) {
	t.Helper()
	switch op % 4 {
	case 0, 1:
		want := m.next()
		got, err := p.Next()
		if got != want || (err == nil) != want.IsValid() {
			t.Fatalf("%+v: Next gave %v, %v; want %v", m.cfg, got, err, want)
		}
		if want.IsValid() {
			m.taken[want], m.last = true, want
		}
	case 2:
		ok := !m.fixed(a) && !m.taken[a]
		if err := p.Request(a); (err == nil) != ok {
			t.Fatalf("%+v: Request(%v) gave %v; possible: %v", m.cfg, a, err, ok)
		}
		if ok {
			m.taken[a] = true
		}
	case 3:
		ok := !m.fixed(a) && m.taken[a]
		if err := p.Release(a); (err == nil) != ok {
			t.Fatalf("%+v: Release(%v) gave %v; possible: %v", m.cfg, a, err, ok)
		}
		if ok {
			delete(m.taken, a)
		}
	}
}

// check compares what both say about all addresses.
func (m *model) check(t *testing.T, p *Pool) {
	t.Helper()
	var used, free uint64
	for a := m.cfg.Subnet.Addr(); m.cfg.Subnet.Contains(a); a = a.Next() {
		if m.taken[a] != p.InUse(a) {
			t.Fatalf("%v: in use is %v, want %v", a, p.InUse(a), m.taken[a])
		}
		if m.taken[a] {
			used++
		} else if m.cfg.dynamic().Contains(a) {
			free++
		}
	}
	if u, f := p.Use(); u != used || f != free {
		t.Fatalf("%d used and %d free, want %d and %d", u, f, used, free)
	}
}

// Any order of requests has the same outcome as in the model, in small subnets
// that fill up and at the ends of the address space. Each operation is two bytes:
// what, and which address.
func FuzzPool(f *testing.F) {
	f.Add(byte(0), byte(0), []byte{0, 0, 0, 0, 2, 7, 3, 1, 0, 0})
	f.Add(byte(1), byte(1), []byte{2, 7, 2, 7, 3, 7, 3, 7, 2, 0, 3, 0})
	f.Add(byte(2), byte(2), []byte{0, 0, 3, 2, 0, 0, 3, 3})
	f.Add(byte(3), byte(4), []byte{3, 70, 3, 130, 0, 0, 3, 64, 3, 65, 0, 0})
	f.Add(byte(4), byte(5), []byte{3, 140, 0, 0, 2, 255, 0, 0})
	subnets := []string{"10.0.0.0/28", "10.9.8.0/25", "223.255.255.252/30", "10.0.0.0/24", "fd00::ff00/120", "fd00::/122", "255.255.255.0/26", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120"}
	f.Fuzz(func(t *testing.T, which, how byte, ops []byte) {
		c := PoolConfig{Subnet: prefix(subnets[int(which)%len(subnets)]), Serial: how&1 != 0}
		if how&2 != 0 {
			c.Range = netip.PrefixFrom(c.Subnet.Addr(), c.Subnet.Bits()+1)
		}
		p := newPool(t, c)
		m := newModel(p)
		if how&4 != 0 {
			m.fill(p, 150)
		}
		for ops = ops[:min(len(ops), 128)]; len(ops) >= 2; ops = ops[2:] {
			b := c.Subnet.Addr().As16()
			b[15] += ops[1]
			a := netip.AddrFrom16(b)
			if c.Subnet.Addr().Is4() {
				a = a.Unmap()
			}
			m.step(t, p, ops[0], a)
		}
		m.check(t, p)
	})
}

// Long random histories, which cross words and runs of full words.
func TestPoolAgainstModel(t *testing.T) {
	for _, subnet := range []string{"10.0.0.0/22", "fd00::/118"} {
		for _, serial := range []bool{false, true} {
			rnd := rand.New(rand.NewPCG(1, 2))
			p := newPool(t, PoolConfig{Subnet: prefix(subnet), Serial: serial})
			m := newModel(p)
			m.fill(p, 1000)
			for range 6000 {
				b := p.Subnet().Addr().As16()
				b[14], b[15] = byte(rnd.IntN(4)), byte(rnd.IntN(256))
				a := netip.AddrFrom16(b)
				if p.Subnet().Addr().Is4() {
					a = a.Unmap()
				}
				m.step(t, p, byte(rnd.IntN(4)), a)
			}
			m.check(t, p)
		}
	}
}

// The two ends of the address space have no neighbour.
func TestSetAtTheEnds(t *testing.T) {
	for _, a := range []string{"0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"} {
		var s addrSet
		low, high := inWord(addr(a), 0), inWord(addr(a), wordBits-1)
		for b := low; b.IsValid() && b.Compare(high) <= 0; b = b.Next() {
			if !s.add(b) || s.add(b) {
				t.Fatalf("%v was there before, or not after", b)
			}
		}
		if got, ok := s.free(low, high); ok {
			t.Errorf("%v is free in a full word", got)
		}
		if !s.remove(addr(a)) || s.remove(addr(a)) {
			t.Errorf("%v was not there, or is still", a)
		}
		if got, ok := s.free(low, high); !ok || got != addr(a) {
			t.Errorf("free is %v, %v; want %s", got, ok, a)
		}
	}
}

// Workers that take and give back at the same time never hold the same address.
func TestPoolRace(t *testing.T) {
	p := newPool(t, PoolConfig{Subnet: prefix("10.0.0.0/26")})
	owned := newOwners()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			if err := churn(p, owned, uint64(w)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if used, free := p.Use(); used != 3 || free != 61 {
		t.Errorf("%d used and %d free after all is given back", used, free)
	}
}

// churn takes and gives back addresses of p for a while.
func churn(p *Pool, owned *owners, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 9))
	var mine []netip.Addr
	for range 3000 {
		if len(mine) > 0 && rnd.IntN(2) == 0 {
			a := mine[len(mine)-1]
			mine = mine[:len(mine)-1]
			owned.drop(a)
			if err := p.Release(a); err != nil {
				return err
			}
			continue
		}
		a, err := p.Next()
		if errors.Is(err, ErrExhausted) {
			continue
		}
		if err := owned.take(a); err != nil {
			return err
		}
		mine = append(mine, a)
	}
	for _, a := range mine {
		owned.drop(a)
		if err := p.Release(a); err != nil {
			return err
		}
	}
	return nil
}
