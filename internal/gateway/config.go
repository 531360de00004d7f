package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"vswitch/internal/frame"
)

// Errors of a configuration, wrapped with the gateway's name.
var (
	ErrMAC  = errors.New("the address is not one that a station can have")
	ErrAddr = errors.New("the address is not one that a gateway can have")
)

// defaultMTU is Ethernet's.
const defaultMTU = 1500

// Config says what a gateway is. It is copied.
type Config struct {
	// Name is the network's name, for tables and messages.
	Name string
	// MAC is the gateway's own. From it follows its link-local IPv6 address
	// (RFC 4291, appendix A).
	MAC frame.MAC
	// Addrs are the gateway's addresses, each with its subnet.
	Addrs []netip.Prefix
	// Port is the gateway's port of the switch.
	Port frame.PortID
	// MTU is the longest layer-3 packet of the network in bytes; 0 is 1500.
	MTU int
	// Internal: nothing leaves the network, and nothing comes from another.
	Internal bool
	// NoICC: containers of the network do not reach each other.
	NoICC bool
	// Routed4 and Routed6, a family each: containers are reached from other networks
	// by their own address, by ICMP, and by everything from a network that is routed
	// too.
	Routed4, Routed6 bool
	// UDP and TCP are the services at the gateway's addresses, by port. The one at
	// UDP port 67 also gets broadcasts, the one at 547 what is sent to the DHCPv6
	// groups.
	UDP, TCP map[uint16]Service
	// RouterSolicit gets router solicitations (RFC 4861, section 4.1), checked.
	RouterSolicit Service
	// Heard is told who answered a question that was asked in the gateway's name (ARP
	// replies to its MAC). Called by several workers at once; must not block. May be
	// nil.
	Heard func(addr netip.Addr, mac frame.MAC)
	// Uplink gets what belongs to no network of the router; nil: nothing does.
	Uplink Uplink
	// UplinkName says what kind it is, for tables.
	UplinkName string
	// UplinkFirst has the uplink take also what is for other networks of the router and
	// their gateways: seen from the network, they are outside.
	UplinkFirst bool
	// UplinkMTU is the longest layer-3 packet that it takes in bytes; 0: it takes all.
	UplinkMTU int
	Limits    Limits
}

// config is a checked Config with what follows from it; immutable.
type config struct {
	Config
	links     []link
	linkLocal netip.Addr
	limits    Limits
}

// link is an address of the gateway and the subnet around it.
type link struct {
	addr   netip.Addr
	subnet netip.Prefix
	// broadcast is the subnet's; the zero Addr where there is none.
	broadcast netip.Addr
}

func compile(c Config) (*config, error) {
	if c.MAC == 0 || c.MAC.Group() || c.MAC > frame.Broadcast {
		return nil, fmt.Errorf("gateway %s: %v: %w", c.Name, c.MAC, ErrMAC)
	}
	k := &config{Config: c, linkLocal: frame.LinkLocalAddr(c.MAC), limits: c.Limits.withDefaults()}
	if k.MTU <= 0 {
		k.MTU = defaultMTU
	}
	k.UDP, k.TCP = maps.Clone(c.UDP), maps.Clone(c.TCP)
	k.Addrs = make([]netip.Prefix, 0, len(c.Addrs))
	for _, a := range c.Addrs {
		l, err := linkOf(a)
		if err != nil {
			return nil, fmt.Errorf("gateway %s: %v: %w", c.Name, a, err)
		}
		k.Addrs = append(k.Addrs, a)
		k.links = append(k.links, l)
	}
	return k, nil
}

// routed reports whether the network is routed for a family.
func (c *config) routed(v6 bool) bool {
	if v6 {
		return c.Routed6
	}
	return c.Routed4
}

func linkOf(p netip.Prefix) (link, error) {
	a := p.Addr()
	l := link{addr: a, subnet: p.Masked()}
	if p.Bits() < 1 || a.Is4In6() || a.Zone() != "" || !ordinary(a) || a.Is6() && a.IsLinkLocalUnicast() {
		return l, ErrAddr
	}
	if a.Is4() && p.Bits() < 31 { // RFC 3021
		first := frame.Addr4(l.subnet.Addr())
		l.broadcast = addr4(first | ^uint32(0)>>p.Bits())
		if a == l.subnet.Addr() || a == l.broadcast {
			return l, ErrAddr
		}
	}
	return l, nil
}

// ordinary reports whether an address is one that a single station can have:
// none of RFC 6890's that stand for something else.
func ordinary(a netip.Addr) bool {
	if a.Is4() {
		v := frame.Addr4(a)
		return v>>24 != 0 && v>>24 != 127 && v < 0xe0000000
	}
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.Is4In6()
}

func addr4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, v)))
}

// owns reports whether a is one of the gateway's addresses on its own network.
func (c *config) owns(a netip.Addr) bool {
	for i := range c.links {
		if c.links[i].addr == a {
			return true
		}
	}
	return a == c.linkLocal
}

// onLink returns the link that a is in the subnet of, or nil.
func (c *config) onLink(a netip.Addr) *link {
	for i := range c.links {
		if c.links[i].subnet.Contains(a) {
			return &c.links[i]
		}
	}
	return nil
}

// broadcast reports whether a stands for all stations of the network's subnets,
// in the present form or in that of old (RFC 1812, section 5.3.5).
func (c *config) broadcast(a netip.Addr) bool {
	for i := range c.links {
		if l := &c.links[i]; l.broadcast == a || l.broadcast.IsValid() && l.subnet.Addr() == a {
			return true
		}
	}
	return false
}

// speaker returns the address that the gateway speaks to a station from.
func (c *config) speaker(to netip.Addr) netip.Addr {
	if l := c.onLink(to); l != nil {
		return l.addr
	}
	return c.linkLocal
}
