package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// arrival is one message that was received: n bytes of payload in slot, of which each
// datagram has size (0: there is one), and where from and to.
type arrival struct {
	slot  []byte
	n     int
	size  int
	tos   uint8
	peer  end
	local [16]byte // zero where the socket does not say
	scope uint32   // the interface, of a link-local peer
}

// read takes message i apart.
func (r *receiver) read(i int, a *arrival) {
	*a = arrival{slot: r.slots[i], n: int(r.msgs[i].Len)}
	if name := &r.names[i]; name.Family == unix.AF_INET6 {
		a.peer, a.scope = end{name.Addr, uplink.NetPort(name.Port)}, name.Scope_id
	} else {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		a.peer.addr[10], a.peer.addr[11], a.peer.port = 0xff, 0xff, uplink.NetPort(v4.Port)
		copy(a.peer.addr[12:], v4.Addr[:])
	}
	n := min(int(r.msgs[i].Hdr.Controllen), len(r.controls[i].b)*8)
	a.controls(unsafe.Slice((*byte)(unsafe.Pointer(&r.controls[i].b)), n))
}

// controls reads control messages: they are the kernel's and well formed.
func (a *arrival) controls(b []byte) {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.SizeofCmsghdr || n > len(b) {
			return
		}
		a.control(h.Level, h.Type, b[unix.CmsgLen(0):n])
		b = b[min(unix.CmsgSpace(n-unix.SizeofCmsghdr), len(b)):]
	}
}

func (a *arrival) control(level, typ int32, b []byte) {
	switch {
	case level == unix.IPPROTO_UDP && typ == unix.UDP_GRO && len(b) >= 4:
		a.size = int(*(*int32)(unsafe.Pointer(&b[0])))
	case level == unix.IPPROTO_IP && typ == unix.IP_TOS && len(b) >= 1:
		a.tos = b[0]
	case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_TCLASS && len(b) >= 4:
		a.tos = uint8(*(*int32)(unsafe.Pointer(&b[0])))
	case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO && len(b) >= unix.SizeofInet4Pktinfo:
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&b[0]))
		a.local[10], a.local[11] = 0xff, 0xff
		copy(a.local[12:], info.Spec_dst[:])
	case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO && len(b) >= unix.SizeofInet6Pktinfo:
		a.local = (*unix.Inet6Pktinfo)(unsafe.Pointer(&b[0])).Addr
	}
}
