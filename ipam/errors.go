package ipam

import (
	"errors"
	"fmt"
	"net/netip"
)

// Why an address is not given.
var (
	// ErrExhausted: every address of the subnet, or of the range, is taken.
	ErrExhausted = errors.New("no free address left")
	// ErrTaken: another one has the address.
	ErrTaken = errors.New("address is in use")
	// ErrOutside: no container of the subnet can have the address: it is of another
	// subnet, or it is the subnet's network, broadcast, anycast or gateway address.
	ErrOutside = errors.New("not an address for a container")
	// ErrNotInUse: what is to be released is free.
	ErrNotInUse = errors.New("address is not in use")
)

// Which part of a configuration is wrong, or that no subnet is left.
var (
	ErrSubnet   = errors.New("subnet cannot be used")
	ErrRange    = errors.New("address range cannot be used")
	ErrGateway  = errors.New("gateway cannot be used")
	ErrAux      = errors.New("auxiliary address cannot be used")
	ErrNoSubnet = errors.New("all predefined subnets are in use")
)

// A HostBitsError is a prefix that names an address inside a subnet where the
// subnet itself was wanted, as 10.1.2.3/24.
type HostBitsError struct {
	Prefix netip.Prefix
	Should netip.Prefix // the subnet that Prefix lies in
}

func (e *HostBitsError) Error() string {
	return fmt.Sprintf("%v has host bits set, it should be %v", e.Prefix, e.Should)
}

// An OverlapError is a subnet with addresses that belong to something else.
type OverlapError struct {
	Prefix netip.Prefix // the subnet asked for
	With   Taken        // what it overlaps
	Free   netip.Prefix // another subnet of the same size that is free; zero if there is none
}

func (e *OverlapError) Error() string {
	s := fmt.Sprintf("ipam: subnet %v overlaps %v of %s", e.Prefix, e.With.Prefix, e.With.By)
	if e.Free.IsValid() {
		s += fmt.Sprintf("; %v is free", e.Free)
	}
	return s
}
