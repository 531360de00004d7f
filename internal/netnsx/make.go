package netnsx

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"vswitch/internal/frame"
)

// End is one end of a veth pair.
type End struct {
	NS   *NS
	Name string
	// MAC is the end's address; zero lets the kernel choose one.
	MAC frame.MAC
}

// MakeVeth makes a pair of Ethernet devices, wired to each other, each end in its
// namespace and down. mtu 0 leaves the kernel's 1500 bytes.
func MakeVeth(a, b End, mtu int) error {
	h, err := a.NS.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	return b.NS.Control(func(fd int) error {
		v := vethRequest(a, b, mtu, fd)
		return h.do("make the veth pair", a.Name+"-"+b.Name, func(nh *netlink.Handle) error {
			return nh.LinkAdd(v)
		})
	})
}

func vethRequest(a, b End, mtu, peerNS int) *netlink.Veth {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = a.Name, mtu
	attrs.HardwareAddr = hardwareAddr(a.MAC)
	return &netlink.Veth{
		LinkAttrs: attrs, PeerName: b.Name, PeerTxQLen: -1,
		PeerHardwareAddr: hardwareAddr(b.MAC), PeerNamespace: netlink.NsFd(peerNS),
	}
}

// hardwareAddr returns nil, which asks for nothing, for the zero address.
func hardwareAddr(m frame.MAC) net.HardwareAddr {
	if m == 0 {
		return nil
	}
	return m.HardwareAddr()
}

// MakeBridge makes a kernel bridge, down, without ports. It is what the switch is
// measured against and checked against.
func (h *Handle) MakeBridge(name string) error {
	return h.do("make the bridge", name, func(nh *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		return nh.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	})
}

// Enslave makes a link a port of a bridge in the same namespace.
func (h *Handle) Enslave(port, bridge string) error {
	return h.onLink("put into bridge "+bridge, port, func(nh *netlink.Handle, l netlink.Link) error {
		br, err := nh.LinkByName(bridge)
		if err != nil {
			// Not the port that is missing: say so instead of a bare ErrNoLink.
			return fmt.Errorf("bridge %s: %w", bridge, err)
		}
		return nh.LinkSetMaster(l, br)
	})
}

// Release takes a link out of its bridge.
func (h *Handle) Release(port string) error {
	return h.onLink("take out of its bridge", port, (*netlink.Handle).LinkSetNoMaster)
}
