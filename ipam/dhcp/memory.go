package dhcp

import (
	"container/list"
	"iter"
	"net/netip"
)

// memory remembers who last had which address: one address a client, one client an
// address, of bounded number, the oldest forgotten first. It holds no address: the
// pool may give a remembered one to anybody.
type memory struct {
	limit  int
	order  *list.List // of past, oldest first
	byKey  map[string]*list.Element
	byAddr map[netip.Addr]*list.Element
}

type past struct {
	key  string
	addr netip.Addr
}

func newMemory(limit int) memory {
	return memory{limit, list.New(), map[string]*list.Element{}, map[netip.Addr]*list.Element{}}
}

// remember notes that the client of that key had addr until now.
func (m *memory) remember(key string, addr netip.Addr) {
	m.drop(m.byKey[key])
	m.drop(m.byAddr[addr])
	if len(m.byAddr) >= m.limit {
		m.drop(m.order.Front())
	}
	e := m.order.PushBack(past{key, addr})
	m.byKey[key], m.byAddr[addr] = e, e
}

// forget drops what is known of an address.
func (m *memory) forget(addr netip.Addr) { m.drop(m.byAddr[addr]) }

func (m *memory) drop(e *list.Element) {
	if e == nil {
		return
	}
	p := m.order.Remove(e).(past)
	delete(m.byKey, p.key)
	delete(m.byAddr, p.addr)
}

// of returns the address that a client had; the zero address if none is known.
func (m *memory) of(key string) netip.Addr {
	if e := m.byKey[key]; e != nil {
		return e.Value.(past).addr
	}
	return netip.Addr{}
}

// others reports whether the address was another client's than that of key.
func (m *memory) others(addr netip.Addr, key string) bool {
	e := m.byAddr[addr]
	return e != nil && e.Value.(past).key != key
}

// oldest goes through the addresses, the one that ended first before the others.
func (m *memory) oldest() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for e := m.order.Front(); e != nil; {
			next := e.Next() // the caller may forget e
			if !yield(e.Value.(past).addr) {
				return
			}
			e = next
		}
	}
}
