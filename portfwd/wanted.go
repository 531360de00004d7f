package portfwd

import (
	"fmt"
	"net/netip"
)

// wanted returns a binding, without port and socket, for each host address that a
// request means. No address given and no particular one as default: all addresses
// of both families, as far as host and container have them.
func (a *Allocator) wanted(r Request) ([]Binding, error) {
	host := r.Spec.HostIP
	if !host.IsValid() {
		if !r.Default.IsValid() || r.Default == netip.IPv4Unspecified() {
			return a.everywhere(r)
		}
		host = r.Default.Unmap()
	}
	b, ok := r.at(host)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrFamily, r.Spec)
	}
	return []Binding{b}, nil
}

func (a *Allocator) everywhere(r Request) ([]Binding, error) {
	var out []Binding
	if b, ok := r.at(netip.IPv4Unspecified()); ok {
		out = append(out, b)
	}
	if a.cfg.IPv6() {
		if b, ok := r.at(netip.IPv6Unspecified()); ok {
			out = append(out, b)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrFamily, r.Spec)
	}
	return out, nil
}

// at pairs a host address with the container's of the same family. Clients of IPv6
// reach a container that has only IPv4; the other way round Docker does not, either.
func (r Request) at(host netip.Addr) (Binding, bool) {
	b := Binding{Owner: r.Owner, Proto: r.Spec.Proto, Host: netip.AddrPortFrom(host, 0), FD: -1, Splice: r.Splice}
	target := r.Target.V4
	if host.Is6() {
		target, b.Proxied = r.Target.V6, !r.Target.V6.IsValid()
		if b.Proxied {
			target = r.Target.V4
		}
	}
	b.Target = netip.AddrPortFrom(target, r.Spec.Port)
	return b, target.IsValid()
}
