package vswitch

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"vswitch/internal/frame"
)

// Limits and defaults.
const (
	// DefaultAge is how many seconds a station is remembered (IEEE 802.1Q-2022,
	// table 8-6: 300 s).
	DefaultAge = 300
	// MaxAge is the longest aging time in seconds (the same table).
	MaxAge = 1_000_000
	// DefaultFDBLimit is the number of stations that a switch remembers;
	// MaxFDBLimit is the most that it can be told to, at 48 to 96 bytes each.
	DefaultFDBLimit = 1 << 14
	MaxFDBLimit     = 1 << 24
	// MaxPorts is the number of ports that all switches that share Numbers can have
	// together.
	MaxPorts = 1 << 14
	// DefaultVID is the VLAN of a port that is given none.
	DefaultVID = 1
	// maxVID is the highest VLAN number; 4095 is reserved.
	maxVID = 4094
	// maxStorm keeps a storm bucket within 63 bits.
	maxStorm = 1_000_000_000
)

// Config says how a switch behaves. The zero value means the defaults.
type Config struct {
	// Workers is the number of workers that call Forward; default 1.
	Workers int
	// FDBLimit is the most stations remembered; default DefaultFDBLimit, at most
	// MaxFDBLimit.
	FDBLimit int
	// Age is the aging time in seconds; default DefaultAge, at most MaxAge.
	Age int
	// Seed keys the hash of the FDB: give each switch its own random number.
	Seed uint64
	// Numbers gives out the port numbers; nil has the switch make its own.
	Numbers *Numbers
}

// PortConfig says how one port behaves. The zero value is an open access port in
// VLAN 1 that may send anything.
type PortConfig struct {
	// Name is for people.
	Name string
	// VLAN says in which VLANs the port is, and in which form.
	VLAN VLANConfig
	// Isolated ports exchange frames with ports that are not isolated only.
	Isolated bool
	// LearnLimit is the most stations learned behind the port; 0 for no limit,
	// negative to learn none. Frames from stations beyond it are forwarded, and
	// those to them flooded.
	LearnLimit int
	// Guard lets the port send only what is its own; nil lets it send anything.
	Guard *Guard
	// Storm is the most frames a second that the port may have flooded
	// (broadcast, multicast and unknown unicast), up to a second's worth in one
	// burst; 0 for no limit. A super-frame counts once. A port whose frames come by
	// several workers may have so many on each.
	Storm int
	// Down keeps all frames from entering and leaving by the port.
	Down bool
}

// VLANConfig says in which VLANs a port is.
type VLANConfig struct {
	// Access is the VLAN of an access port: its frames carry no tag. 0 is
	// DefaultVID. It must be 0 on a trunk.
	Access uint16
	// Trunk lists the VLANs of a trunk port: their frames carry a tag on it.
	// Non-empty makes the port a trunk.
	Trunk []uint16
	// Native is the VLAN of a trunk's untagged frames, in and out; 0 has them
	// dropped. It need not be in Trunk.
	Native uint16
}

// Guard is what a port may claim to be: a host with these addresses. Frames with
// another source end with frame.DropSpoofMAC, DropSpoofIP or DropSpoofARP, what only
// a network's gateway may send with DropRogueDHCP.
type Guard struct {
	// MACs are the port's own addresses. At least one.
	MACs []frame.MAC
	// Addrs are the port's own IPv4 and IPv6 addresses. The IPv6 link-local
	// addresses made from MACs (RFC 4291, appendix A) are its own as well.
	Addrs []netip.Addr
	// AnyAddr leaves IP, ARP and neighbour discovery unchecked, as a port needs
	// that routes for others.
	AnyAddr bool
	// Services lets the port answer DHCP and advertise itself as an IPv6 router.
	Services bool
}

// Errors of the control calls, wrapped with what they were about.
var (
	ErrNoPort = errors.New("no such port")
	ErrFull   = errors.New("no port number is free")
	ErrConfig = errors.New("invalid port configuration")
)

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = 1
	}
	if c.FDBLimit <= 0 {
		c.FDBLimit = DefaultFDBLimit
	}
	if c.Age <= 0 {
		c.Age = DefaultAge
	}
	if c.Numbers == nil {
		c.Numbers = NewNumbers()
	}
	c.FDBLimit = min(c.FDBLimit, MaxFDBLimit)
	c.Age = min(c.Age, MaxAge)
	return c
}

// equal reports whether c and d say the same.
func (c *VLANConfig) equal(d *VLANConfig) bool {
	return c.Access == d.Access && c.Native == d.Native && slices.Equal(c.Trunk, d.Trunk)
}

// clone returns a copy that shares no memory with c.
func (c PortConfig) clone() PortConfig {
	c.VLAN.Trunk = slices.Clone(c.VLAN.Trunk)
	if c.Guard != nil {
		g := *c.Guard
		g.MACs, g.Addrs = slices.Clone(g.MACs), slices.Clone(g.Addrs)
		c.Guard = &g
	}
	return c
}

// check returns what is wrong with c.
func (c *PortConfig) check() error {
	what := c.VLAN.fault()
	if what == "" && c.Guard != nil {
		what = c.Guard.fault()
	}
	if what == "" && (c.Storm < 0 || c.Storm > maxStorm) {
		what = fmt.Sprintf("a storm limit of %d frames a second, not 0 to %d", c.Storm, maxStorm)
	}
	if what == "" {
		return nil
	}
	return fmt.Errorf("%w: port %q: %s", ErrConfig, c.Name, what)
}

func (v *VLANConfig) fault() string {
	switch {
	case len(v.Trunk) > 0 && v.Access != 0:
		return "an access VLAN and a trunk exclude each other"
	case len(v.Trunk) == 0 && v.Native != 0:
		return "only a trunk has a native VLAN"
	case v.Access > maxVID || v.Native > maxVID || slices.ContainsFunc(v.Trunk, badVID):
		return fmt.Sprintf("VLANs are numbered 1 to %d", maxVID)
	}
	return ""
}

func badVID(vid uint16) bool { return vid == 0 || vid > maxVID }

func (g *Guard) fault() string {
	if len(g.MACs) == 0 {
		return "a guard without an address lets nothing through"
	}
	for _, m := range g.MACs {
		if m == 0 || m.Group() {
			return fmt.Sprintf("guard: %s is not the address of a station", m)
		}
	}
	for _, a := range g.Addrs {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return fmt.Sprintf("guard: %s is not the address of a host", a)
		}
	}
	return ""
}
