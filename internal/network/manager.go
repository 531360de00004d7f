package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/dns"
	"vswitch/internal/gateway"
	"vswitch/internal/netnsx"
	"vswitch/internal/state"
	"vswitch/ipam"
	"vswitch/portfwd"
)

// The kinds of documents in the state directory; KindLease is that of leases.
const (
	kindNetwork   = "network"
	kindContainer = "container"
	KindLease     = "lease"
)

// Config says what a manager works with. All but Fabric, Store and Programs may be
// left out.
type Config struct {
	Fabric   *Fabric
	Store    Store
	Programs Programs
	// Seed makes the ULA prefix of IPv6 networks (RFC 4193): the same for the same
	// switch over restarts.
	Seed string
	// HostRoutes and Upstreams are what the host uses: its routes, and its name
	// servers, which names are forwarded to.
	HostRoutes func() []netnsx.Route
	Upstreams  func() []netip.AddrPort
	// NetPath is a path to the network namespace of a container without a program.
	NetPath func(id string) string
	// LogDir is where containers' output goes.
	LogDir string
	// Search and DNSOptions are the host's own, for /etc/resolv.conf.
	Search func() []string
	Now    func() time.Time
	Log    *slog.Logger
	// HostLoopback opens the host's loopback to the containers of all networks.
	HostLoopback bool
	// OpenFiles is how many descriptors the process may have: connections and published
	// ports are kept below it. 0 is 1024.
	OpenFiles int
	// Sockets were bound before this process, and are used for published ports that
	// name them; nil: there are none.
	Sockets *portfwd.Pool
	// Found is told about what went wrong and was survived.
	Found func(*api.Error)
}

// Store is where records are kept; *state.Store is one.
type Store interface {
	Save(kind, key string, v any) error
	Load(kind, key string, v any) error
	Each(kind string, fn func(key string, raw []byte) error) ([]state.Damage, error)
	Delete(kind string, keys ...string) error
}

// Manager is the model: networks, containers, endpoints. It keeps them in files,
// opens and closes what they are made of, and is the only one who changes them. Its
// methods may be called from any goroutine.
type Manager struct {
	cfg    Config
	log    *slog.Logger
	fabric *Fabric
	router *gateway.Router
	space  *ipam.Space
	zone   *dns.Zone
	dns    *dns.Server
	own    netip.Prefix // the switch's block of unique local addresses

	// The way out by sockets is made with the first network that needs it.
	wayOnce sync.Once
	way     atomic.Pointer[way]
	wayErr  error

	ports    *portfwd.Table
	splicer  *portfwd.Splicer
	carrier  *carrier
	forwards forwards

	// making serialises the making and removing of networks.
	making sync.Mutex

	mu         sync.Mutex // what follows
	networks   map[string]*Network
	containers map[string]*box
	past       past
	names      map[string]string // of containers, name to ID; also those being made
	closed     bool

	// ctx ends when the manager lets go; watchers are the goroutines that wait for it.
	ctx      context.Context
	cancel   context.CancelFunc
	watchers sync.WaitGroup
}

// New makes a manager and loads what the store has: networks are opened, containers
// that still run are joined again, those that ended meanwhile are noted. What cannot
// be had again is told to Config.Found and does not keep the rest from going on.
func New(cfg Config) (*Manager, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Found == nil {
		cfg.Found = func(*api.Error) {}
	}
	m := &Manager{
		cfg: cfg, log: cfg.Log, fabric: cfg.Fabric, router: gateway.NewRouter(),
		zone:     dns.NewZone(),
		networks: map[string]*Network{}, containers: map[string]*box{}, names: map[string]string{}, past: past{},
	}
	m.carrier = &carrier{m: m, open: map[*portfwd.Binding]berth{}}
	m.splicer = portfwd.NewSplicer(portfwd.SpliceConfig{})
	m.ports = portfwd.NewTable(portfwd.NewAllocator(portfwd.AllocatorConfig{Inherited: cfg.Sockets}), m.carrier, m.splicer)
	var err error
	if m.space, err = ipam.NewSpace(ipam.SpaceConfig{ID: cfg.Seed}); err != nil {
		return nil, err
	}
	m.own = ipam.ULA(cfg.Seed).Base
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.dns = dns.New(dns.Config{Zone: m.zone, Upstreams: cfg.Upstreams, Own: m.isGateway, Log: cfg.Log})
	if err := m.load(); err != nil {
		return nil, errors.Join(err, m.Release())
	}
	return m, nil
}

func (m *Manager) now() time.Time { return m.cfg.Now() }

// isGateway reports whether an address is one of our gateways'.
func (m *Manager) isGateway(a netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.networks {
		for _, p := range n.rec.Pools {
			if p.Gateway == a {
				return true
			}
		}
	}
	return false
}

// save writes a record; the change that it belongs to must be undone when that
// fails.
func (m *Manager) save(kind, key string, v any) error {
	if err := m.cfg.Store.Save(kind, key, v); err != nil {
		return api.Errorf(api.StateUnwritable, err, "cannot save the %s %s", kind, shortID(key))
	}
	return nil
}

// forgetFile removes a record's file. One that is not there is not missed.
func (m *Manager) forgetFile(kind, key string) error {
	err := m.cfg.Store.Delete(kind, key)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return api.Errorf(api.StateUnwritable, err, "cannot remove the file of the %s %s", kind, shortID(key))
	}
	return nil
}

// Release lets go of everything and leaves it running: programs, namespaces and
// persistent devices go on, for the next manager.
func (m *Manager) Release() error {
	m.making.Lock() // a network that is being made is one of those to let go of
	defer m.making.Unlock()
	m.mu.Lock()
	m.closed = true
	boxes, nets := m.all()
	m.mu.Unlock()
	m.cancel()
	var errs []error
	for _, b := range boxes {
		errs = append(errs, b.release())
	}
	m.watchers.Wait()
	newestFirst(nets)
	for _, n := range nets {
		if n.seg != nil {
			errs = append(errs, n.seg.Close())
		}
	}
	m.splicer.Stop()
	if w := m.way.Load(); w != nil {
		errs = append(errs, w.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("release the networks: %w", err)
	}
	return nil
}

// newestFirst orders networks so that each comes before the one that is its way out.
func newestFirst(nets []*Network) {
	slices.SortStableFunc(nets, func(a, b *Network) int { return b.rec.Created.Compare(a.rec.Created) })
}

// all returns all containers and networks. The caller holds mu.
func (m *Manager) all() ([]*box, []*Network) {
	var boxes []*box
	for _, id := range sortedKeys(m.containers) {
		boxes = append(boxes, m.containers[id])
	}
	var nets []*Network
	for _, id := range sortedKeys(m.networks) {
		nets = append(nets, m.networks[id])
	}
	return boxes, nets
}
