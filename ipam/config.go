package ipam

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// PoolConfig describes the addresses of one subnet.
type PoolConfig struct {
	Subnet netip.Prefix
	// Range narrows down what Next gives (--ip-range). Zero: the whole subnet.
	Range netip.Prefix
	// Gateway is the router's address, inside or outside the range. Zero: the first
	// free one of the range, unless NoGateway.
	Gateway   netip.Addr
	NoGateway bool
	// Aux has addresses that others on the network have already, by name. They are
	// not given to containers.
	Aux map[string]netip.Addr
	// Serial makes Next give the address after the last one that it gave, and begin
	// anew at the end, as Docker does for networks of more than one host: an address
	// stays unused for as long as possible after its release.
	Serial bool
}

// check says what is wrong with c, apart from addresses that collide.
func (c PoolConfig) check() error {
	if err := checkSubnet(c.Subnet); err != nil {
		return err
	}
	if err := checkSize(c.Subnet, c.NoGateway); err != nil {
		return err
	}
	if err := c.checkRange(); err != nil {
		return err
	}
	if c.NoGateway && c.Gateway.IsValid() {
		return fmt.Errorf("ipam: %w: %v, for a network without one", ErrGateway, c.Gateway)
	}
	return nil
}

// checkRange says why the range is none of the subnet.
func (c PoolConfig) checkRange() error {
	r := c.Range
	switch {
	case r == netip.Prefix{}:
		return nil
	case !r.IsValid():
		return fmt.Errorf("ipam: %w: it is not a prefix", ErrRange)
	case r != r.Masked():
		return fmt.Errorf("ipam: %w: %w", ErrRange, &HostBitsError{Prefix: r, Should: r.Masked()})
	case r.Bits() < c.Subnet.Bits() || !c.Subnet.Contains(r.Addr()):
		return fmt.Errorf("ipam: %w: %v is not in the subnet %v", ErrRange, r, c.Subnet)
	}
	return nil
}

// dynamic returns the prefix that Next chooses from.
func (c PoolConfig) dynamic() netip.Prefix {
	if c.Range.IsValid() {
		return c.Range
	}
	return c.Subnet
}

// auxName returns the name under which a is reserved.
func (c PoolConfig) auxName(a netip.Addr) (name string, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Aux)) {
		if c.Aux[name] == a {
			return name, true
		}
	}
	return "", false
}
