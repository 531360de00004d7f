package network

import (
	"net/netip"
	"strings"
	"time"

	"vswitch/internal/frame"
)

// The records are what is kept in files: everything that cannot be found out
// again. They are values; whoever changes one saves it.

// Record is a network.
type Record struct {
	ID         string
	Name       string
	Driver     string
	Created    time.Time
	EnableIPv4 bool
	EnableIPv6 bool
	Internal   bool
	Attachable bool
	// Predefined networks are made at the first start and cannot be removed.
	Predefined bool
	IPAMDriver string
	IPAMOpts   map[string]string `json:",omitempty"`
	// Pools are its subnets, at most one a family.
	Pools   []PoolRecord
	Options map[string]string
	Labels  map[string]string
	// Leg are the addresses of its NAT in the network that is its way out.
	Leg []netip.Prefix `json:",omitempty"`
}

// PoolRecord is a subnet of a network.
type PoolRecord struct {
	Subnet  netip.Prefix
	Range   netip.Prefix          // invalid: the whole subnet
	Gateway netip.Addr            // invalid: the network has none
	Aux     map[string]netip.Addr `json:",omitempty"`
	// ByUser says that the subnet was asked for, so fixed addresses last.
	ByUser bool
}

// Pool returns the record of a family's pool, or nil.
func (r *Record) Pool(v6 bool) *PoolRecord {
	for i := range r.Pools {
		if r.Pools[i].Subnet.Addr().Is6() == v6 {
			return &r.Pools[i]
		}
	}
	return nil
}

// gateways returns the gateway's addresses with their prefix lengths.
func (r *Record) gateways() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range r.Pools {
		if p.Gateway.IsValid() {
			out = append(out, netip.PrefixFrom(p.Gateway, p.Subnet.Bits()))
		}
	}
	return out
}

// State is how a container fares.
type State string

// The states of a container, in Docker's words.
const (
	Created State = "created"
	Running State = "running"
	Exited  State = "exited"
	Dead    State = "dead" // an attached namespace that is gone
)

// Container is a container's record.
type Container struct {
	ID         string
	Name       string
	Created    time.Time
	Cmd        []string
	Env        []string
	Dir        string
	Hostname   string
	Labels     map[string]string
	Tty        bool
	AutoRemove bool
	DNS        []netip.Addr `json:",omitempty"`
	DNSSearch  []string     `json:",omitempty"`
	DNSOptions []string     `json:",omitempty"`
	ExtraHosts []string     `json:",omitempty"`
	// Foreign is set for a namespace that somebody else made.
	Foreign *Foreign `json:",omitempty"`

	State    State
	Run      string // the keeper's name for the run of its program
	PID      int
	ExitCode int
	Error    string
	Started  time.Time
	Finished time.Time

	// Endpoints are its interfaces, in the order of joining.
	Endpoints []Endpoint

	// Ports are published, Exposed named at least, as "80/tcp".
	Ports       []PortRecord `json:",omitempty"`
	Exposed     []string     `json:",omitempty"`
	PublishAll  bool         `json:",omitempty"`
	PublishMode string       `json:",omitempty"`
	// PublishError says why they are not published; empty when they are.
	PublishError string `json:",omitempty"`
}

// Foreign says where a namespace that somebody else made is found.
type Foreign struct {
	Path string // of the namespace
	PID  int    // a process in it, when it was named by that; else 0
	// Dev and Ino identify the namespace: the path may lead elsewhere later.
	Dev, Ino uint64
	Ifname   string
}

// Endpoint is a container's interface on a network.
type Endpoint struct {
	ID      string
	Network string // ID
	Ifname  string
	MAC     frame.MAC
	// FixedMAC, Fixed4 and Fixed6 were asked for: they are kept over a stop.
	FixedMAC   bool
	Fixed4     netip.Addr
	Fixed6     netip.Addr
	IPv4       netip.Prefix
	IPv6       netip.Prefix
	Aliases    []string          `json:",omitempty"`
	GwPriority int               `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
	DHCP       *DHCPLease        `json:",omitempty"`
	NoGuard    bool              `json:",omitempty"`
	// Error says why it does not work; empty when it does.
	Error string `json:",omitempty"`
}

// DHCPLease is what an interface that asks for its address was given.
type DHCPLease struct {
	Router  netip.Addr
	Expires time.Time
}

// addrs returns the endpoint's addresses.
func (e *Endpoint) addrs() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []netip.Prefix{e.IPv4, e.IPv6} {
		if p.IsValid() {
			out = append(out, p)
		}
	}
	return out
}

// known are the addresses that the network answers ARP and ND for: with an IPv6 one
// also the link-local that the kernel makes.
func (e *Endpoint) known() []netip.Addr {
	var out []netip.Addr
	for _, p := range e.addrs() {
		out = append(out, p.Addr())
		if p.Addr().Is6() {
			out = append(out, frame.LinkLocalAddr(e.MAC))
		}
	}
	return out
}

// shortID is what people see of an ID.
func shortID(id string) string { return id[:min(12, len(id))] }

// names are an endpoint's names on its network, the first the one for reverse
// lookups: container, aliases, short ID, host name; each once.
func (c *Container) names(e *Endpoint) []string {
	all := append([]string{c.Name}, e.Aliases...)
	all = append(all, shortID(c.ID), c.Hostname)
	seen := map[string]bool{}
	out := all[:0]
	for _, n := range all {
		if key := strings.ToLower(n); n != "" && !seen[key] {
			seen[key] = true
			out = append(out, n)
		}
	}
	return out
}

// endpoint returns the container's endpoint on a network, or nil.
func (c *Container) endpoint(network string) *Endpoint {
	for i := range c.Endpoints {
		if c.Endpoints[i].Network == network {
			return &c.Endpoints[i]
		}
	}
	return nil
}
