package tcp

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// Flows shows the connections, in no order.
func (s *Shard) Flows(yield func(uplink.Flow)) {
	for id := range s.flows {
		if r := &s.flows[id]; r.state != unused {
			yield(s.show(r))
		}
	}
}

func (s *Shard) show(r *record) uplink.Flow {
	f := uplink.Flow{
		Proto: "tcp", State: r.name(), In: r.has(flagIn),
		Inside:    netip.AddrPortFrom(r.insideAddr(), r.insidePort),
		Remote:    netip.AddrPortFrom(r.remoteAddr(), r.remotePort),
		TxPackets: r.txPkts, TxBytes: r.txLen, RxPackets: r.rxPkts, RxBytes: r.rxLen,
		Idle: time.Duration(s.now - r.heard), Timeout: time.Duration(r.lifetime()),
	}
	if n := s.nets[r.net]; n != nil {
		f.Network = n.Name
	}
	if r.fd >= 0 {
		if sa, err := unix.Getsockname(int(r.fd)); err == nil {
			f.Host = addrPort(sa)
		}
		if sa, err := unix.Getpeername(int(r.fd)); err == nil {
			f.Peer = addrPort(sa)
		}
	}
	return f
}

// lifetime is how long a connection lasts in which the container says nothing.
func (r *record) lifetime() int64 {
	switch r.state {
	case connecting:
		return abandoned
	case synReceived, synSent:
		return synTimeout << (maxSyns - 1)
	case timeWait:
		return timeWaitTime
	}
	return idleTime + deadAfter
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// name is the connection's state as the container's kernel has it.
func (r *record) name() string {
	switch r.state {
	case connecting:
		return "SYN_SENT"
	case synSent, synReceived:
		return "SYN_RECV"
	case timeWait:
		return "TIME_WAIT"
	}
	switch in, out := r.has(flagInFin), r.has(flagEOF); {
	case in && out:
		return "LAST_ACK"
	case in:
		return "FIN_WAIT"
	case out:
		return "CLOSE_WAIT"
	}
	return "ESTABLISHED"
}
