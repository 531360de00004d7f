package netnsx

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Neighbour is an entry of a link's ARP or neighbour discovery table.
type Neighbour struct {
	Addr netip.Addr
	// MAC is zero while it is not known.
	MAC frame.MAC
	// State is the kernel's word for how far the entry can be trusted, in lower
	// case: reachable, stale, failed and so on; none where it is not used.
	State string
}

// Neighbours lists the table of a link, IPv4 and IPv6.
func (h *Handle) Neighbours(name string) ([]Neighbour, error) {
	var out []Neighbour
	err := h.onLink("list the neighbours of", name, func(nh *netlink.Handle, l netlink.Link) error {
		all, err := nh.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		out = make([]Neighbour, 0, len(all))
		for _, n := range all {
			out = append(out, neighbourOf(n))
		}
		return nil
	})
	return out, err
}

// SetNeighbour enters a permanent neighbour, so that nobody is asked for it.
func (h *Handle) SetNeighbour(name string, addr netip.Addr, mac frame.MAC) error {
	return h.onLink("set neighbour "+addr.String()+" on", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.NeighSet(&netlink.Neigh{
			LinkIndex: l.Attrs().Index, State: unix.NUD_PERMANENT, Type: unix.RTN_UNICAST,
			IP: addr.AsSlice(), HardwareAddr: mac.HardwareAddr(),
		})
	})
}

func neighbourOf(n netlink.Neigh) Neighbour {
	out := Neighbour{Addr: addrFrom(n.IP), State: neighbourState(n.State)}
	if len(n.HardwareAddr) == 6 {
		out.MAC = frame.MACFrom(n.HardwareAddr)
	}
	return out
}

// neighbourState names the NUD_ bits of linux/neighbour.h, of which one is set.
func neighbourState(s int) string {
	names := [...]string{"incomplete", "reachable", "stale", "delay", "probe", "failed", "noarp", "permanent"}
	for i, name := range names {
		if s&(1<<i) != 0 {
			return name
		}
	}
	return "none"
}
