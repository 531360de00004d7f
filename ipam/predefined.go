package ipam

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Predefined is a block of addresses that is cut into subnets of Bits bits.
type Predefined struct {
	Base netip.Prefix
	Bits int
}

// LocalPools returns Docker's blocks for networks of one host, in the order in which
// they are used: fifteen subnets of 16 bits, then sixteen of 20.
func LocalPools() []Predefined {
	return []Predefined{
		{netip.MustParsePrefix("172.17.0.0/16"), 16},
		{netip.MustParsePrefix("172.18.0.0/16"), 16},
		{netip.MustParsePrefix("172.19.0.0/16"), 16},
		{netip.MustParsePrefix("172.20.0.0/14"), 16},
		{netip.MustParsePrefix("172.24.0.0/14"), 16},
		{netip.MustParsePrefix("172.28.0.0/14"), 16},
		{netip.MustParsePrefix("192.168.0.0/16"), 20},
	}
}

// GlobalPools returns Docker's block for networks of several hosts.
func GlobalPools() []Predefined {
	return []Predefined{{netip.MustParsePrefix("10.0.0.0/8"), 24}}
}

// ULA returns a block of unique local addresses (RFC 4193, 3.1) that belongs to
// whoever id names: fd, 40 bits derived from id as Docker does it since version 27,
// and 65,536 subnets of 64 bits.
func ULA(id string) Predefined {
	sum := sha256.Sum256([]byte(id))
	global := binary.BigEndian.Uint64(sum[:]) & (1<<40 - 1)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], 0xfd<<56|global<<16)
	return Predefined{netip.PrefixFrom(netip.AddrFrom16(b), 48), 64}
}

// check says why no subnet can be cut from d.
func (d Predefined) check() error {
	if err := checkSubnet(d.Base); err != nil {
		return err
	}
	if d.Bits < d.Base.Bits() || d.Bits > d.Base.Addr().BitLen() {
		return fmt.Errorf("ipam: %w: %v has no subnets of %d bits", ErrSubnet, d.Base, d.Bits)
	}
	return checkSize(netip.PrefixFrom(d.Base.Addr(), d.Bits), false)
}

// ordered returns pools in ascending order. They must not overlap.
func ordered(pools []Predefined) ([]Predefined, error) {
	pools = slices.SortedFunc(slices.Values(pools), func(a, b Predefined) int {
		return cmp.Or(a.Base.Addr().Compare(b.Base.Addr()), a.Base.Bits()-b.Base.Bits())
	})
	for i, d := range pools {
		if err := d.check(); err != nil {
			return nil, err
		}
		if i > 0 && pools[i-1].Base.Overlaps(d.Base) {
			return nil, fmt.Errorf("ipam: %w: %v and %v overlap", ErrSubnet, pools[i-1].Base, d.Base)
		}
	}
	return pools, nil
}
