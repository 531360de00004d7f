package network

import (
	"errors"
	"sync"

	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
)

// box is a container as it lives here. op is held by whoever does something with
// the container as a whole - starts, ends, connects it - for as long as that takes.
// What follows it is changed only under op and Manager.mu, so that either is enough
// to read it. Who holds mu must not wait for op.
type box struct {
	m  *Manager
	op sync.Mutex

	rec Container
	// sb has the container's own namespaces, ns is the one of its network; nil while
	// it does not run. A foreign namespace comes without a sandbox.
	sb *sandbox.Sandbox
	ns *netnsx.NS
	// program is what runs in it, nil for none.
	program Program
	plugs   map[string]*Plug // by endpoint ID
	clients map[string]*dhcpClient
	names   *resolver
	// published is where its ports are; the zero value: nowhere.
	published publishAt
	life      *life // what runs now, or ran last; nil before the first start
	removed   bool
}

// edit changes a container's record and what else is read by others.
func (b *box) edit(change func()) {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	change()
}

// record returns a copy of the record, for reading.
func (b *box) record() Container {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	return b.rec.clone()
}

// save writes the record as it is now.
func (b *box) save() error {
	r := b.record()
	return b.m.save(kindContainer, r.ID, &r)
}

// release lets go of what is held of a running container and leaves it running.
func (b *box) release() error {
	b.op.Lock()
	defer b.op.Unlock()
	errs := []error{b.m.unsetPorts(b)}
	for _, c := range b.clients {
		c.stop()
	}
	if b.names != nil {
		b.names.close()
	}
	for _, p := range b.plugs {
		errs = append(errs, p.Release())
	}
	switch {
	case b.sb != nil:
		errs = append(errs, b.sb.Release())
	case b.ns != nil:
		errs = append(errs, b.ns.Close())
	}
	return errors.Join(errs...)
}
