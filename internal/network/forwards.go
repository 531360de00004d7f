package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"vswitch/internal/frame"
	"vswitch/nat"
	"vswitch/portfwd"
)

// forwards are the ports that are published at the feet of networks, by their NATs.
type forwards struct {
	mu  sync.Mutex
	all []forwarded
}

// forwarded is one published port there.
type forwarded struct {
	owner string
	spec  portfwd.Spec // with the port that it has
	foot  *foot
	rules []nat.Forward
	hosts []netip.AddrPort // where it is reached
}

// publish publishes a port of a container at its network's foot, and returns the port
// there: the one that was asked for, or the first free one from the container's own
// number on.
func (t *forwards) publish(owner string, at publishAt, r PortRecord) (uint16, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	foot, spec := at.net.seg.exit.leg, r.again()
	first, last := spec.HostPort, spec.HostPortEnd
	if first == 0 {
		first, last = spec.Port, 65535
	}
	var busy error
	for p := int(first); p <= int(last); p++ {
		f, err := newForwarded(owner, foot, at.target, spec, uint16(p))
		if err != nil {
			return 0, err
		}
		if busy = t.free(f); busy != nil {
			continue
		}
		if err := foot.forward(f.rules); err != nil {
			return 0, err
		}
		t.all = append(t.all, f)
		return uint16(p), nil
	}
	if first == last {
		return 0, busy
	}
	return 0, fmt.Errorf("ports %d-%d: %w: %w", first, last, portfwd.ErrExhausted, busy)
}

// newForwarded makes the rules of a port: one an address of the foot that is meant.
func newForwarded(owner string, foot *foot, target portfwd.Target, spec portfwd.Spec, port uint16) (forwarded, error) {
	f := forwarded{owner: owner, spec: spec.At(port), foot: foot}
	proto := uint8(frame.ProtoTCP)
	if spec.Proto == portfwd.UDP {
		proto = frame.ProtoUDP
	}
	for _, a := range foot.addrs {
		inner := target.V4
		if a.Addr().Is6() {
			inner = target.V6
		}
		if !inner.IsValid() || spec.HostIP.IsValid() && !spec.HostIP.IsUnspecified() && spec.HostIP != a.Addr() ||
			spec.HostIP.IsUnspecified() && spec.HostIP.Is6() != a.Addr().Is6() {
			continue
		}
		host := netip.AddrPortFrom(a.Addr(), port)
		f.hosts = append(f.hosts, host)
		f.rules = append(f.rules, nat.Forward{Proto: proto, Outer: host, Inner: netip.AddrPortFrom(inner, spec.Port)})
	}
	if len(f.rules) == 0 {
		return f, fmt.Errorf("%w: %s", portfwd.ErrAddress, spec)
	}
	return f, nil
}

// free says who has one of the places that f wants.
func (t *forwards) free(f forwarded) error {
	for _, o := range t.all {
		for _, r := range o.rules {
			if o.foot == f.foot && slices.ContainsFunc(f.rules, func(w nat.Forward) bool { return w.Proto == r.Proto && w.Outer == r.Outer }) {
				return &portfwd.BindError{Proto: f.spec.Proto, Host: r.Outer, Owner: o.owner, Err: portfwd.ErrInUse}
			}
		}
	}
	return nil
}

// unpublish ends one port of a container's, if it is published here.
func (t *forwards) unpublish(owner string, spec portfwd.Spec) error {
	return t.drop(func(f forwarded) bool { return f.owner == owner && f.spec == spec })
}

// unpublishAll ends all of a container's.
func (t *forwards) unpublishAll(owner string) error {
	return t.drop(func(f forwarded) bool { return f.owner == owner })
}

func (t *forwards) drop(which func(forwarded) bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	t.all = slices.DeleteFunc(t.all, func(f forwarded) bool {
		if !which(f) {
			return false
		}
		errs = append(errs, f.foot.unforward(f.rules))
		return true
	})
	return errors.Join(errs...)
}

// of lists a container's, or all with "".
func (t *forwards) of(owner string) []forwarded {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []forwarded
	for _, f := range t.all {
		if owner == "" || f.owner == owner {
			out = append(out, f)
		}
	}
	return out
}
