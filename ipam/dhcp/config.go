package dhcp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"vswitch/internal/frame"
)

// Pool is where addresses come from. The server holds no lock of its own that a
// Pool could want, and calls it for one request at a time.
type Pool interface {
	// Next takes the lowest free address; an error means that none is left.
	Next() (netip.Addr, error)
	// Request takes that address; an error means that it is not free.
	Request(netip.Addr) error
	// Release gives an address back.
	Release(netip.Addr) error
}

// Owner is who is behind a port.
type Owner struct {
	// Container is the name that goes into leases. Empty: nobody known.
	Container string
	// Hostname is the name that the port's clients get and are known by; empty
	// leaves it to them.
	Hostname string
	// MACs are the only hardware addresses that may ask. Empty: any.
	MACs []frame.MAC
	// MaxLeases limits leases, offers and declined addresses of one family
	// together; 0 is DefaultMaxLeases.
	MaxLeases int
}

// Limits bound what the server keeps. Zero fields have defaults.
type Limits struct {
	// Leases bounds leases, offers and quarantined addresses of the network; 8192.
	Leases int
	// Memory bounds the ended leases that are remembered; 1024.
	Memory int
}

// DefaultMaxLeases is how many leases a port may hold where its owner says nothing.
const DefaultMaxLeases = 8

// Config says what to serve. New copies it; the functions are called with the
// server's lock held and must not call the server.
type Config struct {
	// Network is the name that goes into leases.
	Network string
	// ServerMAC is the gateway's hardware address.
	ServerMAC frame.MAC
	// MTU of the network, in bytes; 0 is 1500.
	MTU int
	// Domain and Search are told to clients of both families.
	Domain string
	Search []string
	// LeaseTime is given where the client asks for no other; default 1 h. MaxLease
	// bounds what it may ask for; default LeaseTime.
	LeaseTime, MaxLease time.Duration
	// OfferTime is how long an offer is kept for its client; default 30 s.
	OfferTime time.Duration
	// Quarantine is how long an address is not given out after somebody else was
	// found to use it; default 10 min.
	Quarantine time.Duration
	// ProbeTime is after how long without a result a probed address counts as free;
	// default 500 ms.
	ProbeTime time.Duration

	// Subnet, ServerAddr (the gateway) and Pool are for DHCPv4; without Subnet there
	// is none. Router is the default route, the zero address on internal networks.
	Subnet     netip.Prefix
	ServerAddr netip.Addr
	Router     netip.Addr
	DNS        []netip.Addr
	Pool       Pool

	// Prefix6 and LinkLocal (the gateway's address) are for IPv6; without Prefix6
	// there is none. Pool6 is for stateful DHCPv6; nil leaves only the stateless.
	Prefix6   netip.Prefix
	LinkLocal netip.Addr
	Pool6     Pool
	DNS6      []netip.Addr
	// DUID identifies the server; default is a DUID-LL of ServerMAC.
	DUID []byte
	// Managed, Other, OnLink and Autonomous are the flags M, O, L and A of router
	// advertisements (RFC 4861, sections 4.2 and 4.6.2). Router6 makes the gateway
	// the default router; it is false on internal networks.
	Managed, Other, OnLink, Autonomous, Router6 bool
	// RAInterval is MaxRtrAdvInterval (RFC 4861, section 6.2.1), 4 s to 30 min;
	// default 10 min.
	RAInterval time.Duration

	// Owner says who is behind a port; false, or a nil Owner, is nobody known.
	Owner func(from frame.PortID) (Owner, bool)
	// InUse reports whether somebody else than asker is known to have the address.
	// It must answer at once. May be nil.
	InUse func(addr netip.Addr, asker frame.MAC) bool
	// Probe begins to ask the network whether somebody else than asker has the
	// address, whose result goes to Server.Probed. False: it cannot be asked. May be
	// nil.
	Probe func(addr netip.Addr, asker frame.MAC) bool
	// OnLease is told of each change before the client is. An error keeps a lease
	// from being bound or renewed; for other events it is counted. May be nil.
	OnLease func(Lease, Event) error
	// Rand returns numbers in [0,1), for the times of advertisements; default
	// math/rand.
	Rand func() float64

	Limits Limits
}

// T1 and T2 as parts of the lease time (RFC 2131, section 4.4.5; RFC 8415, section
// 21.4).
const (
	renewPart   = 0.5
	rebindPart4 = 0.875
	rebindPart6 = 0.8
)

// minLease is the shortest lease that a client can ask for, unless the server's own
// are shorter.
const minLease = time.Minute

// maxNames bounds the encoded search list, so that it fits every message.
const maxNames = 255

func (c *Config) fill() {
	c.MTU = orDefault(c.MTU, 1500)
	c.LeaseTime = orDefault(c.LeaseTime, time.Hour)
	c.MaxLease = max(c.MaxLease, c.LeaseTime)
	c.OfferTime = orDefault(c.OfferTime, 30*time.Second)
	c.Quarantine = orDefault(c.Quarantine, 10*time.Minute)
	c.ProbeTime = orDefault(c.ProbeTime, 500*time.Millisecond)
	c.RAInterval = orDefault(c.RAInterval, 10*time.Minute)
	c.Limits.Leases = orDefault(c.Limits.Leases, 8192)
	c.Limits.Memory = orDefault(c.Limits.Memory, 1024)
	c.Subnet, c.Prefix6 = c.Subnet.Masked(), c.Prefix6.Masked()
	c.DNS, c.DNS6, c.Search = slices.Clone(c.DNS), slices.Clone(c.DNS6), slices.Clone(c.Search)
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.DUID == nil {
		c.DUID = (&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: c.ServerMAC.HardwareAddr()}).ToBytes()
	}
}

func (c *Config) check() error {
	switch {
	case !c.Subnet.IsValid() && !c.Prefix6.IsValid():
		return errors.New("neither an IPv4 subnet nor an IPv6 prefix")
	case c.ServerMAC == 0 || c.ServerMAC.Group():
		return fmt.Errorf("server address %v", c.ServerMAC)
	case c.Domain != "" && badDomain(c.Domain) || slices.ContainsFunc(c.Search, badDomain):
		return fmt.Errorf("not a domain among %q, %q", c.Domain, c.Search)
	case len(c.Domain) > maxNames || len((&rfc1035label.Labels{Labels: c.Search}).ToBytes()) > maxNames:
		return fmt.Errorf("domains of more than %d bytes", maxNames)
	}
	return errors.Join(c.check4(), c.check6())
}

func (c *Config) check4() error {
	switch {
	case !c.Subnet.IsValid():
		return nil
	case !c.Subnet.Addr().Is4() || !c.Subnet.Contains(c.ServerAddr):
		return fmt.Errorf("server %v is not in subnet %v", c.ServerAddr, c.Subnet)
	case c.Router.IsValid() && !c.Router.Is4():
		return fmt.Errorf("router %v", c.Router)
	case c.Pool == nil:
		return errors.New("no pool for IPv4")
	case c.MTU < minMessage4 || c.MTU > 65535:
		return fmt.Errorf("MTU %d", c.MTU)
	}
	return checkDNS(c.DNS, netip.Addr.Is4)
}

func (c *Config) check6() error {
	switch {
	case !c.Prefix6.IsValid():
		return nil
	case !c.Prefix6.Addr().Is6() || c.Prefix6.Addr().Is4In6():
		return fmt.Errorf("prefix %v", c.Prefix6)
	case !c.LinkLocal.IsLinkLocalUnicast() || !c.LinkLocal.Is6() || c.LinkLocal.Zone() != "":
		return fmt.Errorf("link-local address %v", c.LinkLocal)
	case c.MTU < minMTU6 || c.MTU > 65535:
		return fmt.Errorf("MTU %d for IPv6", c.MTU)
	case !validDUID(c.DUID):
		return fmt.Errorf("DUID of %d bytes", len(c.DUID))
	case c.RAInterval < 4*time.Second || c.RAInterval > 30*time.Minute:
		return fmt.Errorf("interval of router advertisements %v", c.RAInterval)
	}
	return checkDNS(c.DNS6, func(a netip.Addr) bool { return a.Is6() && !a.Is4In6() && a.Zone() == "" })
}

// maxDNS bounds the name servers: a resolver asks three.
const maxDNS = 8

func checkDNS(servers []netip.Addr, right func(netip.Addr) bool) error {
	if len(servers) > maxDNS {
		return fmt.Errorf("%d name servers, of at most %d", len(servers), maxDNS)
	}
	for _, a := range servers {
		if !right(a) {
			return fmt.Errorf("name server %v", a)
		}
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
