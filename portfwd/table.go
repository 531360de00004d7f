package portfwd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// Carrier moves what comes to host sockets into containers and keeps the clients'
// addresses. Its methods are called from any goroutine, several at once for
// different bindings.
type Carrier interface {
	// Open starts accepting or receiving on b.FD, which stays b's.
	Open(b *Binding) error
	// Close ends what Open began, and the flows that came of it. When it returns
	// nobody uses b.FD.
	Close(b *Binding)
}

// Options are what the specs of one Publish have in common.
type Options struct {
	// Default, Target and FreeBind are those of Request.
	Default  netip.Addr
	Target   Target
	FreeBind bool
	// Splice asks for loopback speed at the price of the client's address. It is for
	// TCP; UDP goes the other way as ever. It needs Dial.
	Splice bool
	// Dial connects from inside the container's network namespace.
	Dial Dial
}

// Publication is one published port.
type Publication struct {
	Owner string
	// Spec is what was asked for. Spec.At(Port()) asks for the same again.
	Spec Spec
	// Bindings are its host sockets, IPv4 first. There is at least one, and all have
	// the same port. They are the Table's.
	Bindings []*Binding
}

// Port is the host port.
func (p Publication) Port() uint16 { return p.Bindings[0].Host.Port() }

// matches reports whether s, as a user typed it, means p.
func (p Publication) matches(s Spec) bool {
	return p.Spec.Proto == s.Proto && p.Spec.Port == s.Port && s.covers(p.Port()) &&
		(!s.HostIP.IsValid() || s.HostIP == p.Spec.HostIP)
}

// Table has all published ports. Its methods may be called from any goroutine; who
// publishes for an owner while somebody else takes its ports away decides about the
// order. After a restart of the process it is filled by the same calls.
type Table struct {
	alloc   *Allocator
	carrier Carrier
	splicer *Splicer
	wild    wildcards

	mu   sync.RWMutex
	pubs map[string][]Publication // by owner
}

// NewTable returns an empty table. What is not spliced is handed to carrier.
func NewTable(a *Allocator, carrier Carrier, splicer *Splicer) *Table {
	return &Table{alloc: a, carrier: carrier, splicer: splicer, pubs: map[string][]Publication{}}
}

// Publish publishes all specs for owner, or, when it fails, none. When it returns,
// clients are served. Errors about a certain host port are *BindError.
func (t *Table) Publish(owner string, specs []Spec, o Options) ([]Publication, error) {
	var pubs []Publication
	for _, s := range specs {
		p, err := t.publish(owner, s, o)
		if err != nil {
			return nil, errors.Join(err, t.undo(pubs))
		}
		pubs = append(pubs, p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(pubs) > 0 {
		t.pubs[owner] = append(t.pubs[owner], pubs...)
	}
	return slices.Clone(pubs), nil
}

func (t *Table) publish(owner string, s Spec, o Options) (Publication, error) {
	splice := o.Splice && s.Proto == TCP
	if splice && o.Dial == nil {
		return Publication{}, fmt.Errorf("portfwd: publish %s: %w", s, ErrDial)
	}
	bindings, err := t.alloc.Allocate(Request{
		Owner: owner, Spec: s, Default: o.Default, Target: o.Target, FreeBind: o.FreeBind,
		Splice: splice,
	})
	if err != nil {
		return Publication{}, err
	}
	for i, b := range bindings {
		if err := t.open(b, o.Dial); err != nil {
			err = fmt.Errorf("portfwd: publish %s: %w", s, err)
			return Publication{}, errors.Join(err, t.close(bindings[:i]), closeAll(bindings[i:]))
		}
	}
	return Publication{Owner: owner, Spec: s, Bindings: bindings}, nil
}

func (t *Table) open(b *Binding, dial Dial) error {
	serve := t.carrier.Open
	if b.Splice {
		serve = func(b *Binding) error { return t.splicer.Open(b, dial) }
	}
	if err := serve(b); err != nil {
		return err
	}
	t.wild.set(b, true)
	return nil
}

// close ends the service of open bindings, and closes them.
func (t *Table) close(bindings []*Binding) error {
	for _, b := range bindings {
		t.wild.set(b, false)
		if b.Splice {
			t.splicer.Close(b)
		} else {
			t.carrier.Close(b)
		}
	}
	return closeAll(bindings)
}

func closeAll(bindings []*Binding) error {
	var errs []error
	for _, b := range bindings {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// undo ends publications, the last one first.
func (t *Table) undo(pubs []Publication) error {
	var errs []error
	for _, p := range slices.Backward(pubs) {
		errs = append(errs, t.close(p.Bindings))
	}
	return errors.Join(errs...)
}

// Unpublish takes away owner's ports that s means: the one that was published by just s,
// or by Spec.At of its port; else with a host port that one, without all of the
// container's port. Flows and connections through them end. It returns ErrNotPublished if
// there are none.
func (t *Table) Unpublish(owner string, s Spec) error {
	gone := t.remove(owner, func(p Publication) bool { return p.Spec.At(p.Port()) == s })
	if len(gone) == 0 {
		gone = t.remove(owner, func(p Publication) bool { return p.matches(s) })
	}
	if len(gone) == 0 {
		return fmt.Errorf("portfwd: unpublish %s: %w", s, ErrNotPublished)
	}
	return t.undo(gone)
}

// UnpublishAll takes away everything that owner published, which may be nothing.
func (t *Table) UnpublishAll(owner string) error {
	return t.undo(t.remove(owner, func(Publication) bool { return true }))
}

// remove takes publications out of the table. They are still served.
func (t *Table) remove(owner string, which func(Publication) bool) (gone []Publication) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(t.pubs[owner]), func(p Publication) bool {
		if which(p) {
			gone = append(gone, p)
			return true
		}
		return false
	})
	if t.pubs[owner] = kept; len(kept) == 0 {
		delete(t.pubs, owner)
	}
	return gone
}
