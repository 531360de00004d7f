package netnsx

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addr is an address on a link.
type Addr struct {
	// Prefix is the address with the length of its subnet.
	Prefix netip.Prefix
	// Tentative: duplicate address detection (RFC 4862, 5.4) has not finished, the
	// address cannot be used yet.
	Tentative bool
}

// AddrFlag changes how an address is added.
type AddrFlag int

// NoDAD makes an IPv6 address usable at once, without duplicate address
// detection: for addresses that we gave out and know to be unique.
const NoDAD AddrFlag = unix.IFA_F_NODAD

// AddAddr puts an address on a link. EEXIST when it is there already.
func (h *Handle) AddAddr(name string, p netip.Prefix, flags ...AddrFlag) error {
	return h.onLink("add address "+p.String()+" to", name, func(nh *netlink.Handle, l netlink.Link) error {
		a, err := addrOf(p)
		if err != nil {
			return err
		}
		for _, f := range flags {
			if p.Addr().Is6() {
				a.Flags |= int(f)
			}
		}
		return nh.AddrAdd(l, a)
	})
}

// DelAddr takes an address off a link. EADDRNOTAVAIL when it is not there.
func (h *Handle) DelAddr(name string, p netip.Prefix) error {
	return h.onLink("take address "+p.String()+" from", name, func(nh *netlink.Handle, l netlink.Link) error {
		a, err := addrOf(p)
		if err != nil {
			return err
		}
		return nh.AddrDel(l, a)
	})
}

// Addrs lists the addresses of a link, IPv4 and IPv6.
func (h *Handle) Addrs(name string) ([]Addr, error) {
	var out []Addr
	err := h.onLink("list the addresses of", name, func(nh *netlink.Handle, l netlink.Link) error {
		all, err := nh.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		out = make([]Addr, 0, len(all))
		for _, a := range all {
			out = append(out, Addr{Prefix: prefixOf(a.IPNet), Tentative: a.Flags&unix.IFA_F_TENTATIVE != 0})
		}
		return nil
	})
	return out, err
}

func addrOf(p netip.Prefix) (*netlink.Addr, error) {
	if !p.IsValid() {
		return nil, unix.EINVAL
	}
	return &netlink.Addr{IPNet: ipNet(p)}, nil
}

// ipNet keeps the host bits of p; nil for the zero prefix.
func ipNet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefixOf is ipNet's inverse.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a := addrFrom(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a, bits)
}

// addrFrom returns the zero Addr for no address, and plain IPv4 for IPv4.
func addrFrom(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
