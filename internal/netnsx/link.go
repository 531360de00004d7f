package netnsx

import (
	"net"

	"github.com/vishvananda/netlink"

	"vswitch/internal/frame"
)

// Link is a network device as it was when it was read.
type Link struct {
	Index int
	Name  string
	// Kind is the driver's name: "veth", "bridge", "tuntap"; "device" where the
	// kernel names none.
	Kind string
	MTU  int
	// MAC is zero on devices that are not Ethernet.
	MAC frame.MAC
	// Up is the administrative state, Carrier whether the other side is there.
	Up, Carrier bool
	// Master is the index of the bridge that the link is a port of, 0 for none.
	Master int
	// TxQueueLen counts packets; the two sizes are bytes.
	TxQueueLen             int
	GSOMaxSize, GROMaxSize int
	Stats                  Stats
}

// Stats are a link's counters since it was made. Rx is what came from the device
// to the kernel. See linux/if_link.h, struct rtnl_link_stats64.
type Stats struct {
	RxPackets, RxBytes, RxDropped, RxErrors uint64
	TxPackets, TxBytes, TxDropped, TxErrors uint64
}

// Link reads one link.
func (h *Handle) Link(name string) (Link, error) {
	var out Link
	err := h.onLink("read the link", name, func(_ *netlink.Handle, l netlink.Link) error {
		out = linkOf(l)
		return nil
	})
	return out, err
}

// Links reads all links of the namespace, with their counters.
func (h *Handle) Links() ([]Link, error) {
	var out []Link
	err := h.do("list the links", "", func(nh *netlink.Handle) error {
		all, err := nh.LinkList()
		if err != nil {
			return err
		}
		out = make([]Link, 0, len(all))
		for _, l := range all {
			out = append(out, linkOf(l))
		}
		return nil
	})
	return out, err
}

func linkOf(l netlink.Link) Link {
	a := l.Attrs()
	out := Link{
		Index: a.Index, Name: a.Name, Kind: l.Type(), MTU: a.MTU,
		Up: a.Flags&net.FlagUp != 0, Carrier: a.Flags&net.FlagRunning != 0,
		Master: a.MasterIndex, TxQueueLen: a.TxQLen,
		GSOMaxSize: int(a.GSOMaxSize), GROMaxSize: int(a.GROMaxSize),
	}
	if len(a.HardwareAddr) == 6 {
		out.MAC = frame.MACFrom(a.HardwareAddr)
	}
	if s := a.Statistics; s != nil {
		out.Stats = Stats{
			RxPackets: s.RxPackets, RxBytes: s.RxBytes, RxDropped: s.RxDropped, RxErrors: s.RxErrors,
			TxPackets: s.TxPackets, TxBytes: s.TxBytes, TxDropped: s.TxDropped, TxErrors: s.TxErrors,
		}
	}
	return out
}

// Up sets a link up.
func (h *Handle) Up(name string) error {
	return h.onLink("set up the link", name, (*netlink.Handle).LinkSetUp)
}

// Down sets a link down. Its IPv6 addresses and its routes go with that.
func (h *Handle) Down(name string) error {
	return h.onLink("set down the link", name, (*netlink.Handle).LinkSetDown)
}

// SetMTU sets the longest packet, in bytes without the Ethernet header.
func (h *Handle) SetMTU(name string, mtu int) error {
	return h.onLink("set the MTU of", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetMTU(l, mtu)
	})
}

// SetMAC sets the hardware address.
func (h *Handle) SetMAC(name string, mac frame.MAC) error {
	return h.onLink("set the address of", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetHardwareAddr(l, mac.HardwareAddr())
	})
}

// Rename gives a link another name, of at most 15 bytes. Before Linux 6.2 the
// link must be down.
func (h *Handle) Rename(name, to string) error {
	return h.onLink("rename the link", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetName(l, to)
	})
}

// SetTxQueueLen sets the transmit queue's length, in packets. On a TAP it is the
// length of the ring that the switch reads from.
func (h *Handle) SetTxQueueLen(name string, packets int) error {
	return h.onLink("set the queue length of", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetTxQLen(l, packets)
	})
}

// SetGSOMaxSize sets the longest super-frame, in bytes, that the stack hands the
// link.
func (h *Handle) SetGSOMaxSize(name string, bytes int) error {
	return h.onLink("set gso_max_size of", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetGSOMaxSize(l, bytes)
	})
}

// SetGROMaxSize sets the longest super-frame, in bytes, that the stack builds
// from what the link delivers.
func (h *Handle) SetGROMaxSize(name string, bytes int) error {
	return h.onLink("set gro_max_size of", name, func(nh *netlink.Handle, l netlink.Link) error {
		return nh.LinkSetGROMaxSize(l, bytes)
	})
}

// Delete removes a link; of a veth pair both ends go.
func (h *Handle) Delete(name string) error {
	return h.onLink("delete the link", name, (*netlink.Handle).LinkDel)
}
