package portfwd

import (
	"cmp"
	"net/netip"
	"slices"
)

// List returns all publications: by owner, and for each as docker port lists them,
// which is by container port, protocol and host address, IPv4 first.
func (t *Table) List() []Publication {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []Publication
	for _, pubs := range t.pubs {
		out = append(out, pubs...)
	}
	slices.SortFunc(out, comparePublications)
	return out
}

// Of returns one owner's publications in the same order.
func (t *Table) Of(owner string) []Publication {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := slices.Clone(t.pubs[owner])
	slices.SortFunc(out, comparePublications)
	return out
}

func comparePublications(a, b Publication) int {
	x, y := a.Bindings[0].Host, b.Bindings[0].Host
	return cmp.Or(
		cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Spec.Port, b.Spec.Port),
		cmp.Compare(a.Spec.Proto, b.Spec.Proto), x.Compare(y),
	)
}

// Published returns the binding that takes what is sent to a host address and port,
// if there is one.
func (t *Table) Published(proto string, host netip.AddrPort) (*Binding, bool) {
	return t.alloc.holder(proto, host)
}
