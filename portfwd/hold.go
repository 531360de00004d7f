package portfwd

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// place is where a binding stands in the allocator's table.
type place struct {
	udp, v6 bool
	port    uint16
}

func placeOf(proto string, host netip.AddrPort) place {
	return place{udp: proto == UDP, v6: host.Addr().Is6(), port: host.Port()}
}

// meets reports whether two addresses of one family cannot both have a port.
func meets(a, b netip.Addr) bool { return a == b || a.IsUnspecified() || b.IsUnspecified() }

// take opens the sockets of all addresses with one port, or of none. Inherited ones
// are used only where the port was asked for.
func (a *Allocator) take(wanted []Binding, port uint16, freebind, inherited bool) ([]*Binding, error) {
	got := make([]*Binding, 0, len(wanted))
	for _, w := range wanted {
		w.Host = netip.AddrPortFrom(w.Host.Addr(), port)
		err := a.open(&w, freebind, inherited)
		if err != nil {
			for _, b := range got {
				err = errors.Join(err, a.drop(b))
			}
			return nil, err
		}
		got = append(got, &w)
	}
	return got, nil
}

func (a *Allocator) open(b *Binding, freebind, inherited bool) (err error) {
	at := placeOf(b.Proto, b.Host)
	for o := a.held[at]; o != nil; o = o.next {
		if meets(o.Host.Addr(), b.Host.Addr()) {
			return &BindError{Proto: b.Proto, Host: b.Host, Owner: o.Owner, Err: ErrInUse}
		}
	}
	if inherited {
		b.FD, b.inherited = a.cfg.Inherited.take(b.Proto, b.Host)
	}
	if !b.inherited {
		if b.FD, err = a.cfg.Open(b.Proto, b.Host, freebind); err != nil {
			return err
		}
	}
	b.alloc, b.next = a, a.held[at]
	a.held[at] = b
	return nil
}

func (a *Allocator) release(b *Binding) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.drop(b)
}

// drop is release with the lock held.
func (a *Allocator) drop(b *Binding) error {
	if b.closed {
		return nil
	}
	b.closed = true
	a.unlink(b)
	if b.inherited {
		a.cfg.Inherited.give(b.Proto, b.Host, b.FD)
		return nil
	}
	if err := unix.Close(b.FD); err != nil {
		return fmt.Errorf("portfwd: close the socket at %v: %w", b.Host, err)
	}
	return nil
}

func (a *Allocator) unlink(b *Binding) {
	at := placeOf(b.Proto, b.Host)
	if a.held[at] == b {
		if a.held[at] = b.next; b.next == nil {
			delete(a.held, at)
		}
		return
	}
	for o := a.held[at]; o != nil; o = o.next {
		if o.next == b {
			o.next = b.next
			return
		}
	}
}

// holder returns who takes what is sent to a host address and port.
func (a *Allocator) holder(proto string, host netip.AddrPort) (*Binding, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for b := a.held[placeOf(proto, host)]; b != nil; b = b.next {
		if b.Wildcard() || b.Host.Addr() == host.Addr() {
			return b, true
		}
	}
	return nil, false
}
