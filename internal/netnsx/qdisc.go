package netnsx

import (
	"encoding/binary"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Qdisc is a queueing discipline that stands at the root of a device.
type Qdisc struct {
	kind    string
	options []byte
}

// NoQueue hands every packet to the device at once. It suits devices that queue
// by themselves, as a TAP's ring does, and saves the default queue that the
// kernel otherwise makes for each of a TAP's 256 transmit queues.
var NoQueue = Qdisc{kind: "noqueue"}

// PFIFO is one queue of limit packets, in order (struct tc_fifo_qopt of
// linux/pkt_sched.h).
func PFIFO(limit uint32) Qdisc {
	return Qdisc{kind: "pfifo", options: binary.NativeEndian.AppendUint32(nil, limit)}
}

// SetRootQdisc replaces the queueing discipline at the root of a link.
func (h *Handle) SetRootQdisc(name string, q Qdisc) error {
	return h.onLink("set qdisc "+q.kind+" on", name, func(_ *netlink.Handle, l netlink.Link) error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK)
		req.Sockets = h.raw
		req.AddData(&nl.TcMsg{Ifindex: int32(l.Attrs().Index), Parent: netlink.HANDLE_ROOT})
		req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(q.kind)))
		if q.options != nil {
			req.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, q.options))
		}
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}

// RootQdisc returns the kind of the queueing discipline at the root of a link;
// noqueue also where there is none.
func (h *Handle) RootQdisc(name string) (string, error) {
	kind := NoQueue.kind
	err := h.onLink("read the qdisc of", name, func(nh *netlink.Handle, l netlink.Link) error {
		all, err := nh.QdiscList(l)
		for _, q := range all {
			if q.Attrs().Parent == netlink.HANDLE_ROOT {
				kind = q.Type()
			}
		}
		return err
	})
	return kind, err
}
