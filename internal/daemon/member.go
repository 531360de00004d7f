package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"vswitch/internal/frame"
	"vswitch/internal/network"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/ipam"
	vswitch "vswitch/switch"
)

// Errors of Join and Leave, wrapped with the container's name.
var (
	ErrExists  = errors.New("a container of that name exists")
	ErrUnknown = errors.New("no such container")
	ErrClosed  = errors.New("the switch is closed")
)

// ifname is the name of a container's first interface, as Docker has it.
const ifname = "eth0"

// MemberConfig says what container to make and how it is joined.
type MemberConfig struct {
	// Name is the container's name and host name. Required.
	Name string
	// MAC is its address; 0 makes one of the first IPv4 address, as Docker does:
	// 02:42 and the four bytes. Without one it is random.
	MAC frame.MAC
	// Addrs are its addresses. MTU is in bytes, 0 is 1500.
	Addrs []netip.Prefix
	MTU   int
	// Hosts are names that its /etc/hosts gets.
	Hosts []sandbox.Host
	// Port is its port's configuration. Name and Guard are filled in: a container
	// may send only what is its own.
	Port vswitch.PortConfig
	// NoGuard lets the container send anything.
	NoGuard bool
	// MaxOffloads limits the device's offloads; see tap.Config.
	MaxOffloads tap.Offloads
}

// Member is a container that is joined to a node.
type Member struct {
	node *Node
	cfg  MemberConfig
	box  *sandbox.Sandbox
	plug *network.Plug

	// mu is held while the member joins or leaves: who wants to end it while it
	// is being made waits. It guards what follows.
	mu   sync.Mutex
	gone bool
}

// Join makes a container and plugs it in. On an error nothing is left of it.
func (n *Node) Join(cfg MemberConfig) (*Member, error) {
	if cfg.MAC == 0 {
		cfg.MAC = defaultMAC(cfg)
	}
	m := &Member{node: n, cfg: cfg}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := n.reserve(cfg.Name, m); err != nil {
		return nil, err
	}
	if err := m.open(); err != nil {
		err = errors.Join(fmt.Errorf("container %s: %w", cfg.Name, err), m.closeLocked())
		n.release(cfg.Name, m)
		return nil, err
	}
	return m, nil
}

// defaultMAC makes the address that Docker would of the first IPv4 address, else one
// of the first address.
func defaultMAC(cfg MemberConfig) frame.MAC {
	for _, a := range cfg.Addrs {
		if a.Addr().Unmap().Is4() {
			return ipam.MACFor(a.Addr().Unmap())
		}
	}
	for _, a := range cfg.Addrs {
		return ipam.MACFor(a.Addr())
	}
	return network.RandomMAC()
}

func (n *Node) reserve(name string, m *Member) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return fmt.Errorf("container %s: %w", name, ErrClosed)
	case n.members[name] != nil:
		return fmt.Errorf("container %s: %w", name, ErrExists)
	}
	n.members[name] = m
	return nil
}

// release gives the name of m free, unless it is another's by now.
func (n *Node) release(name string, m *Member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.members[name] == m {
		delete(n.members, name)
	}
}

func (m *Member) open() (err error) {
	m.box, err = sandbox.Create(sandbox.Config{Name: m.cfg.Name, Hosts: m.cfg.Hosts})
	if err != nil {
		return err
	}
	port := m.cfg.Port
	port.Name = m.cfg.Name
	if !m.cfg.NoGuard {
		port.Guard = m.guard()
	}
	m.plug, err = m.node.fabric.Plug(m.node.sw, network.PlugConfig{
		Tap: tap.Config{
			NS: m.box.NetNS(), Name: ifname, MAC: m.cfg.MAC, MTU: m.cfg.MTU, Addrs: m.cfg.Addrs,
			MaxOffloads: m.cfg.MaxOffloads,
		},
		Port: port,
	})
	return err
}

func (m *Member) guard() *vswitch.Guard {
	g := &vswitch.Guard{MACs: []frame.MAC{m.cfg.MAC}}
	for _, a := range m.cfg.Addrs {
		g.Addrs = append(g.Addrs, a.Addr())
	}
	return g
}

// close ends the member, once, after it was made.
func (m *Member) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closeLocked()
}

// closeLocked undoes open, as far as it got; see the package comment for the
// order.
func (m *Member) closeLocked() error {
	if m.gone {
		return nil
	}
	m.gone = true
	var errs []error
	if m.plug != nil {
		m.forgetPeers()
		errs = append(errs, m.plug.Unplug())
	}
	if m.box != nil {
		errs = append(errs, m.box.Close())
	}
	return errors.Join(errs...)
}

// forgetPeers has the kernel soon give up connections whose programs are killed.
// It would go on for a minute and a half to tell peers who can no longer be
// reached, and would keep the namespace as long (tcp_orphan_retries in
// Documentation/networking/ip-sysctl.rst).
func (m *Member) forgetPeers() {
	if err := m.box.NetNS().SetSysctl("net.ipv4.tcp_orphan_retries", "1"); err != nil {
		m.node.log.Warn("connections outlive their container for a while", "container", m.cfg.Name, "err", err)
	}
}

// Leave unplugs a container, under traffic too, and ends its programs.
func (n *Node) Leave(name string) error {
	n.mu.Lock()
	m := n.members[name]
	n.mu.Unlock()
	if m == nil {
		return fmt.Errorf("container %s: %w", name, ErrUnknown)
	}
	err := m.close()
	n.release(name, m)
	if err != nil {
		return fmt.Errorf("container %s: leave: %w", name, err)
	}
	return nil
}

// Name returns the container's name.
func (m *Member) Name() string { return m.cfg.Name }

// MAC returns the address of its interface.
func (m *Member) MAC() frame.MAC { return m.cfg.MAC }

// Addrs returns its addresses.
func (m *Member) Addrs() []netip.Prefix { return m.cfg.Addrs }

// Port returns the number of its port in the switch.
func (m *Member) Port() frame.PortID { return m.plug.ID() }

// Sandbox returns its namespaces, to run programs in.
func (m *Member) Sandbox() *sandbox.Sandbox { return m.box }

// Device returns its TAP device.
func (m *Member) Device() *tap.Device { return m.plug.Device() }

// Totals returns the counts of its port, and what the kernel dropped because the
// device's ring was full before the switch could read it. Of a container that left
// they are the port's last counts, and the error says that the ring's are lost.
func (m *Member) Totals() (t frame.Totals, ring uint64, err error) { return m.plug.Totals() }
