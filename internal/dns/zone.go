package dns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Record says by which names an endpoint is known on a network, and where it is.
type Record struct {
	// Network is the network's id, NetworkName the name behind the dot.
	Network, NetworkName string
	// Endpoint is the endpoint's id.
	Endpoint string
	// Names are the names that find it, without the network's: container name,
	// aliases, short id, host name. The first answers questions for its address.
	Names []string
	// Addrs are its addresses, of either family.
	Addrs []netip.Addr
}

// Zone is what names exist. It is safe for concurrent use; the zero value is not
// ready, NewZone makes one. A change costs by the size of the record and by how
// many others share its names, not by the size of the network.
type Zone struct {
	mu       sync.RWMutex
	networks map[string]*network // by id
}

// network is the names of one network. Keys are folded; names and addrs point to
// what endpoints holds.
type network struct {
	name      string
	endpoints map[string]*Record
	names     map[string][]*Record
	addrs     map[netip.Addr][]*Record
}

// NewZone returns a zone without names.
func NewZone() *Zone { return &Zone{networks: map[string]*network{}} }

// Set adds the endpoint's record, or replaces it. What r points to is copied.
func (z *Zone) Set(r Record) {
	r = tidy(r)
	z.mu.Lock()
	defer z.mu.Unlock()
	z.remove(r.Network, r.Endpoint)
	n := z.networks[r.Network]
	if n == nil {
		n = &network{endpoints: map[string]*Record{}, names: map[string][]*Record{}, addrs: map[netip.Addr][]*Record{}}
		z.networks[r.Network] = n
	}
	n.name = fold(r.NetworkName)
	n.add(&r)
}

// Remove takes the endpoint's record off the network; nothing happens when there
// is none.
func (z *Zone) Remove(network, endpoint string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.remove(network, endpoint)
	if n := z.networks[network]; n != nil && len(n.endpoints) == 0 {
		delete(z.networks, network)
	}
}

func (z *Zone) remove(network, endpoint string) {
	n := z.networks[network]
	if n == nil {
		return
	}
	if r := n.endpoints[endpoint]; r != nil {
		n.drop(r)
	}
}

func (n *network) add(r *Record) {
	n.endpoints[r.Endpoint] = r
	for _, name := range r.Names {
		n.names[fold(name)] = append(n.names[fold(name)], r)
	}
	for _, a := range r.Addrs {
		n.addrs[a] = append(n.addrs[a], r)
	}
}

func (n *network) drop(r *Record) {
	delete(n.endpoints, r.Endpoint)
	for _, name := range r.Names {
		without(n.names, fold(name), r)
	}
	for _, a := range r.Addrs {
		without(n.addrs, a, r)
	}
}

// without takes r out of the list at key.
func without[K comparable](m map[K][]*Record, key K, r *Record) {
	list := slices.DeleteFunc(m[key], func(other *Record) bool { return other == r })
	if len(list) == 0 {
		delete(m, key)
		return
	}
	m[key] = list
}

// tidy returns a copy of r without duplicates, with names that have no final dot.
func tidy(r Record) Record {
	var names []string
	for _, name := range r.Names {
		name = strings.TrimSuffix(name, ".")
		same := func(other string) bool { return fold(other) == fold(name) }
		if name != "" && !slices.ContainsFunc(names, same) {
			names = append(names, name)
		}
	}
	var addrs []netip.Addr
	for _, a := range r.Addrs {
		a = a.Unmap().WithZone("")
		if a.IsValid() && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	r.NetworkName = strings.TrimSuffix(r.NetworkName, ".")
	r.Names, r.Addrs = names, addrs
	return r
}

// List returns all records, by network name, first name and ids. They are copies.
func (z *Zone) List() []Record {
	z.mu.RLock()
	defer z.mu.RUnlock()
	all := []Record{}
	for _, n := range z.networks {
		for _, r := range n.endpoints {
			c := *r
			c.Names, c.Addrs = slices.Clone(r.Names), slices.Clone(r.Addrs)
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(
			cmp.Compare(a.NetworkName, b.NetworkName),
			slices.Compare(a.Names, b.Names),
			cmp.Compare(a.Network, b.Network),
			cmp.Compare(a.Endpoint, b.Endpoint),
		)
	})
	return all
}

// fold returns name with the letters of ASCII in lower case: names that differ in
// nothing else are the same (RFC 4343 section 3).
func fold(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
		return name
	}
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
