package portfwd

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// AllocatorConfig says what the host is like. Zero fields: as it is.
type AllocatorConfig struct {
	// Open makes a socket as OpenSocket does.
	Open func(proto string, host netip.AddrPort, freebind bool) (fd int, err error)
	// Dynamic returns the ports to choose from, as HostDynamic does.
	Dynamic func() Dynamic
	// IPv6 reports whether the host can listen on IPv6, as ListensIPv6 does. It is
	// asked once.
	IPv6 func() bool
	// Inherited are sockets that were bound before the process had to do without the
	// right to. May be nil.
	Inherited *Pool
}

// Allocator decides who has which host port and makes the sockets. Its methods may
// be called from any goroutine.
type Allocator struct {
	cfg AllocatorConfig

	mu   sync.Mutex
	held map[place]*Binding // chained, where several addresses have the same port
	last map[string]uint16  // port handed out last, by protocol
}

// NewAllocator returns an allocator that holds nothing.
func NewAllocator(cfg AllocatorConfig) *Allocator {
	if cfg.Open == nil {
		cfg.Open = OpenSocket
	}
	if cfg.Dynamic == nil {
		cfg.Dynamic = HostDynamic
	}
	if cfg.IPv6 == nil {
		cfg.IPv6 = ListensIPv6
	}
	cfg.IPv6 = sync.OnceValue(cfg.IPv6)
	if cfg.Inherited == nil {
		cfg.Inherited = &Pool{}
	}
	return &Allocator{cfg: cfg, held: map[place]*Binding{}, last: map[string]uint16{}}
}

// Request asks for the host sockets of one Spec.
type Request struct {
	Owner string
	Spec  Spec
	// Default is the address for a Spec without one: the network's option
	// host_binding_ipv4. The zero Addr and 0.0.0.0 mean all addresses of the host.
	Default netip.Addr
	Target  Target
	// FreeBind allows host addresses that are not there yet.
	FreeBind bool
	// Splice marks the bindings as served here.
	Splice bool
}

// Allocate takes a host port and opens its sockets: one for each address that the
// request means, IPv4 first, all with the same port. It takes all of them or none.
// The bindings are the caller's, to be closed one by one. Errors about a certain
// port are *BindError.
func (a *Allocator) Allocate(r Request) ([]*Binding, error) {
	err := r.Spec.check()
	var wanted []Binding
	if err == nil {
		wanted, err = a.wanted(r)
	}
	if err != nil {
		return nil, fmt.Errorf("portfwd: publish: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch s := r.Spec; {
	case s.HostPort == 0:
		return a.choose(wanted, r)
	case s.HostPort == s.HostPortEnd:
		return a.take(wanted, s.HostPort, r.FreeBind, true)
	default:
		return a.first(wanted, r)
	}
}

// first takes the first free port of the range that was asked for.
func (a *Allocator) first(wanted []Binding, r Request) ([]*Binding, error) {
	var last error
	for p := int(r.Spec.HostPort); p <= int(r.Spec.HostPortEnd); p++ {
		got, err := a.take(wanted, uint16(p), r.FreeBind, true)
		if !errors.Is(err, ErrInUse) {
			return got, err
		}
		last = err
	}
	return nil, exhausted(Range{r.Spec.HostPort, r.Spec.HostPortEnd}, last)
}

// choose takes the next free port of the dynamic range. It looks at each port once,
// where Docker gives up after ten that other programs have.
func (a *Allocator) choose(wanted []Binding, r Request) ([]*Binding, error) {
	d := a.cfg.Dynamic()
	port, last := a.last[r.Spec.Proto], error(nil)
	for range int(d.Last) - int(d.First) + 1 {
		port = d.after(port)
		if d.reserved(port) {
			continue
		}
		got, err := a.take(wanted, port, r.FreeBind, false)
		if errors.Is(err, ErrInUse) {
			last = err
			continue
		}
		if err == nil {
			a.last[r.Spec.Proto] = port
		}
		return got, err
	}
	return nil, exhausted(d.Range, last)
}

func exhausted(r Range, last error) error {
	err := fmt.Errorf("portfwd: ports %d-%d: %w", r.First, r.Last, ErrExhausted)
	if last == nil {
		return err // all are reserved
	}
	return fmt.Errorf("%w: %w", err, last)
}
