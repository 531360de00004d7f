package ipam

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"go4.org/netipx"
)

// Pool is the addresses of one subnet. It is safe for concurrent use.
type Pool struct {
	cfg      PoolConfig // with the gateway that was chosen
	dynamic  netipx.IPRange
	reserved []reserved

	mu     sync.Mutex
	taken  addrSet
	used   uint64     // taken addresses of the subnet, reserved ones included
	ranged uint64     // those of them that are in dynamic
	last   netip.Addr // what Next gave last
}

// NewPool makes the pool of a network. It takes the gateway and the auxiliary
// addresses. An error wraps ErrSubnet, ErrRange, ErrGateway or ErrAux, by the part of
// the configuration that is wrong, and a *HostBitsError where that is the reason.
func NewPool(c PoolConfig) (*Pool, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Aux = maps.Clone(c.Aux)
	p := &Pool{cfg: c, dynamic: netipx.RangeOfPrefix(c.dynamic()), reserved: reservedOf(c.Subnet)}
	for _, r := range p.reserved {
		p.take(r.addr)
	}
	if err := p.fixGateway(); err != nil {
		return nil, err
	}
	if err := p.fixAux(); err != nil {
		return nil, err
	}
	if err := p.chooseGateway(); err != nil {
		return nil, err
	}
	return p, nil
}

// fixGateway takes the gateway that was given.
func (p *Pool) fixGateway() error {
	gateway := p.cfg.Gateway
	if !gateway.IsValid() {
		return nil
	}
	if why := p.nobodys(gateway); why != "" {
		return fmt.Errorf("ipam: %w: %v %s", ErrGateway, gateway, why)
	}
	p.take(gateway)
	return nil
}

// fixAux takes the auxiliary addresses.
func (p *Pool) fixAux() error {
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Aux)) {
		a := p.cfg.Aux[name]
		if why := p.nobodys(a); why != "" {
			return fmt.Errorf("ipam: %w: %q: %v %s", ErrAux, name, a, why)
		}
		if !p.take(a) {
			return fmt.Errorf("ipam: %w: %q: %v is the gateway or has another name already", ErrAux, name, a)
		}
	}
	return nil
}

// chooseGateway takes the first free address as gateway where none was given. That
// comes last: a gateway nobody asked for gives way to an auxiliary address.
func (p *Pool) chooseGateway() error {
	if p.cfg.NoGateway || p.cfg.Gateway.IsValid() {
		return nil
	}
	a, ok := p.next()
	if !ok {
		return fmt.Errorf("ipam: %w: %v has no free address for one", ErrGateway, p.cfg.dynamic())
	}
	p.cfg.Gateway = a
	return nil
}

// Gateway returns the router's address; zero where the network has none.
func (p *Pool) Gateway() netip.Addr { return p.cfg.Gateway }

// Subnet returns the subnet.
func (p *Pool) Subnet() netip.Prefix { return p.cfg.Subnet }

// Range returns what Next chooses from: the range, or the subnet where none was
// given.
func (p *Pool) Range() netip.Prefix { return p.cfg.dynamic() }

// Config returns the configuration, with the gateway that was chosen: a pool made
// of it again is the same one, empty.
func (p *Pool) Config() PoolConfig {
	c := p.cfg
	c.Aux = maps.Clone(c.Aux)
	return c
}

// InUse reports whether a is an address of the subnet that Next and Request do not
// give: a container's, the gateway, an auxiliary or a reserved one.
func (p *Pool) InUse(a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken.has(a)
}

// Use returns how many addresses of the subnet are in use or reserved, and how many
// of the range are left for Next: what Docker calls IPsInUse and
// DynamicIPsAvailable. Numbers end at 1<<64 - 1.
func (p *Pool) Use() (used, free uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.cfg.dynamic()
	if all.Addr().BitLen()-all.Bits() > 64 {
		return p.used, ^uint64(0)
	}
	if all.Addr().BitLen()-all.Bits() == 64 && p.ranged > 0 {
		return p.used, -p.ranged // 1<<64 less those
	}
	return p.used, size(all) - p.ranged
}
