package network

import (
	"slices"
	"strings"

	"vswitch/internal/api"
)

// What a user writes for an object is looked up as Docker does: the full ID, then
// the full name, then the beginning of an ID, which must be that of one object
// only. The caller of these holds Manager.mu.

func (m *Manager) network(ref string) (*Network, error) {
	return find(m.networks, ref, "network", func(n *Network) string { return n.rec.Name })
}

func (m *Manager) container(ref string) (*box, error) {
	return find(m.containers, strings.TrimPrefix(ref, "/"), "container", func(b *box) string { return b.rec.Name })
}

func find[T any](all map[string]*T, ref, kind string, name func(*T) string) (*T, error) {
	if o := all[ref]; o != nil {
		return o, nil
	}
	var begins []*T
	for id, o := range all {
		if name(o) == ref {
			return o, nil
		}
		if ref != "" && strings.HasPrefix(id, strings.ToLower(ref)) {
			begins = append(begins, o)
		}
	}
	switch len(begins) {
	case 1:
		return begins[0], nil
	case 0:
		var names []string
		for _, o := range all {
			names = append(names, name(o))
		}
		return nil, unknown(kind, ref, names)
	}
	return nil, api.Errorf(api.Ambiguous, nil, "%s %q is ambiguous", kind, ref).
		Because("%d matches found based on ID prefix", len(begins))
}

func unknown(kind, ref string, names []string) error {
	err := api.Errorf(api.UnknownName, nil, "there is no %s %q", kind, ref)
	slices.Sort(names)
	if near := api.Nearest(ref, names); near != "" {
		return err.WithFix("did you mean:  %s", near)
	}
	if kind == "network" {
		return err.WithFix("see which there are:  vswitch network ls")
	}
	return err.WithFix("see which there are:  vswitch ps -a")
}
