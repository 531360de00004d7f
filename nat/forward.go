package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"vswitch/internal/frame"
)

// Forward publishes an inside endpoint: whatever comes to Outer goes to Inner (DNAT).
// An invalid address in Outer stands for any outer address of Inner's family. Proto is
// TCP, UDP or SCTP, whose ports have to be the same outside and inside.
type Forward struct {
	Proto uint8
	Outer netip.AddrPort
	Inner netip.AddrPort
}

// ErrForward is returned, wrapped, for a forward that cannot be.
var ErrForward = errors.New("no such forward is possible")

// maxForwards bounds the forwards of a table.
const maxForwards = 1 << 16

// SetForwards makes all the forwards that are to be, in place of those that were. Flows
// of the ones that went end. A mapping that has the outer endpoint of a new one gives way
// with its flows. After an error, which wraps ErrForward, everything is as it was.
func (t *Table) SetForwards(forwards []Forward) error {
	if len(forwards) > maxForwards {
		return fmt.Errorf("nat: %d forwards, of at most %d: %w", len(forwards), maxForwards, ErrForward)
	}
	wanted := make(map[Forward]bool)
	taken := make(map[service]bool)
	for _, f := range forwards {
		if err := f.check(); err != nil {
			return fmt.Errorf("nat: forward %v of protocol %d to %v: %w: %w", f.Outer, f.Proto, f.Inner, err, ErrForward)
		}
		at := service{f.kind(), endOf(f.Outer)}
		if taken[at] && !wanted[f] {
			return fmt.Errorf("nat: two forwards of %v, protocol %d: %w", f.Outer, f.Proto, ErrForward)
		}
		wanted[f], taken[at] = true, true
	}
	if t.replaceForwards(forwards, wanted) {
		t.sweep(func(*mapping) bool { return false }, func(*flowKey) bool { return false })
	}
	return nil
}

// check says what is wrong with a forward.
func (f Forward) check() error {
	switch {
	case f.Proto != frame.ProtoTCP && f.Proto != frame.ProtoUDP && f.Proto != protoSCTP:
		return errors.New("the protocol has no ports")
	case !f.Inner.IsValid() || f.Inner.Port() == 0 || f.Outer.Port() == 0:
		return errors.New("an endpoint has no port or no address")
	case f.Outer.Addr().IsValid() && f.Outer.Addr().Is4() != f.Inner.Addr().Is4():
		return errors.New("the addresses are of different families")
	case f.Proto == protoSCTP && f.Outer.Port() != f.Inner.Port():
		return errors.New("the port of SCTP cannot be changed: its checksum covers all of the packet")
	}
	return nil
}

func (f Forward) kind() kind {
	if f.Inner.Addr().Is4() {
		return kind(f.Proto)
	}
	return kindV6 | kind(f.Proto)
}

// replaceForwards reports whether mappings died whose flows have to be ended.
func (t *Table) replaceForwards(forwards []Forward, wanted map[Forward]bool) (died bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[Forward]uint32, len(wanted))
	for f, id := range t.forwards {
		if wanted[f] {
			next[f] = id
			continue
		}
		t.kill(id)
		died = true
	}
	for i := range t.ports {
		t.ports[i].fixed = [portWords]uint64{}
	}
	published := make(map[service]uint32, len(wanted))
	for _, f := range forwards {
		id, old := next[f]
		if !old {
			died = t.clear(f) || died
			id = t.addMapping(mapping{inside: endOf(f.Inner), outer: endOf(f.Outer), kind: f.kind(), forward: true})
			next[f] = id
		}
		if f.kind().mapsPorts() {
			t.ports.of(f.kind()).fix(f.Outer.Port())
		}
		s := service{f.kind(), endOf(f.Inner)}
		if _, ok := published[s]; !ok { // of two forwards to one endpoint it leaves by the first
			published[s] = id
		}
	}
	t.forwards, t.published = next, published
	return died
}

// clear kills the mapping that a new forward takes its outer endpoint from, if there is
// one, and reports whether there was.
func (t *Table) clear(f Forward) (died bool) {
	at := endOf(f.Outer)
	if at.a == (addr{}) {
		at.a = t.outerOf(f.kind())
	}
	id := t.mappingAt(f.kind(), at)
	if id == none || t.mappings.at(id).forward {
		return false
	}
	t.kill(id)
	return true
}
