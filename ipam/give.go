package ipam

import (
	"fmt"
	"net/netip"
)

// Next gives the lowest free address of the range, or ErrExhausted. In a serial
// pool it is the lowest after the last one that Next gave.
func (p *Pool) Next() (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.next()
	if !ok {
		return netip.Addr{}, fmt.Errorf("ipam: %v: %w", p.cfg.dynamic(), ErrExhausted)
	}
	return a, nil
}

// next takes the address that comes next. The gateway that New chooses counts as
// the first.
func (p *Pool) next() (a netip.Addr, ok bool) {
	first, end := p.dynamic.From(), p.dynamic.To()
	if p.cfg.Serial && p.last.IsValid() {
		a, ok = p.taken.free(p.last.Next(), end)
	}
	if !ok {
		a, ok = p.taken.free(first, end)
	}
	if ok {
		p.take(a)
		p.last = a
	}
	return a, ok
}

// Request takes the address a, which may be outside the range. The error wraps
// ErrTaken, or ErrOutside where no container can have a.
func (p *Pool) Request(a netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.allowed(a); err != nil {
		return fmt.Errorf("ipam: %w", err)
	}
	if !p.take(a) {
		return fmt.Errorf("ipam: %v: %w", a, ErrTaken)
	}
	return nil
}

// Release gives the address a back. It is free at once. The error wraps ErrNotInUse,
// or ErrOutside and ErrTaken where a is none that Next or Request give: the
// gateway's, a reserved or an auxiliary one.
func (p *Pool) Release(a netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.allowed(a); err != nil {
		return fmt.Errorf("ipam: release: %w", err)
	}
	if !p.taken.remove(a) {
		return fmt.Errorf("ipam: release: %v: %w", a, ErrNotInUse)
	}
	p.used--
	if p.dynamic.Contains(a) {
		p.ranged--
	}
	return nil
}

// allowed says why no container can have the address a, whoever has it now.
func (p *Pool) allowed(a netip.Addr) error {
	if why := p.nobodys(a); why != "" {
		return fmt.Errorf("%v %s: %w", a, why, ErrOutside)
	}
	if a == p.cfg.Gateway {
		return fmt.Errorf("%v is the gateway of %v: %w", a, p.cfg.Subnet, ErrOutside)
	}
	if name, ok := p.cfg.auxName(a); ok {
		return fmt.Errorf("%v is reserved as %q: %w", a, name, ErrTaken)
	}
	return nil
}

// nobodys says why nobody in the subnet, the gateway included, can have the address
// a; empty when somebody can.
func (p *Pool) nobodys(a netip.Addr) string {
	if a.Is4In6() {
		return "is IPv4 written as IPv6"
	}
	if !p.cfg.Subnet.Contains(a) {
		return fmt.Sprintf("is not in %v", p.cfg.Subnet)
	}
	for _, r := range p.reserved {
		if a == r.addr {
			return fmt.Sprintf("is the %s address of %v", r.what, p.cfg.Subnet)
		}
	}
	return ""
}

// take marks a as taken and reports whether it was free.
func (p *Pool) take(a netip.Addr) bool {
	if !p.taken.add(a) {
		return false
	}
	p.used++
	if p.dynamic.Contains(a) {
		p.ranged++
	}
	return true
}
