package udp

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// Flows calls yield for each session. It asks the kernel for the ports of sockets, and
// is for tables. Idle times are those of the last call that had a clock, which may be one
// of Expire right before.
func (s *Shard) Flows(yield func(uplink.Flow)) {
	for i := range s.sessions.all {
		e := s.sessions.at(uint32(i))
		if !e.live {
			continue
		}
		m := s.mappings.at(e.mapping)
		f := uplink.Flow{
			Proto: "udp", State: "UNREPLIED", In: e.in,
			Inside: m.inside.addrPort(), Remote: e.remote.addrPort(),
			Host: s.hostOf(e), Peer: e.peer.addrPort(),
			TxPackets: e.tx, TxBytes: e.txBytes, RxPackets: e.rx, RxBytes: e.rxBytes,
			Idle: time.Duration(s.now - e.last), Timeout: time.Duration(timeout(e)),
		}
		if n := s.netOf(m); n != nil {
			f.Network = n.Name
		}
		if e.replied() {
			f.State = "REPLIED"
		}
		yield(f)
	}
}

// hostOf returns the host's own end of a session. The address is that which a client
// came in by, and otherwise that of the socket.
func (s *Shard) hostOf(e *session) netip.AddrPort {
	k := s.sockets.at(e.socket)
	host := k.host.addrPort()
	if !k.published {
		host = boundTo(int(k.fd))
	}
	if e.local != [16]byte{} {
		host = netip.AddrPortFrom(netip.AddrFrom16(e.local).Unmap(), host.Port())
	}
	return host
}

// boundTo returns what a socket is bound to.
func boundTo(fd int) netip.AddrPort {
	switch sa, _ := unix.Getsockname(fd); a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
