package portfwd

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Connection is a spliced connection, for people.
type Connection struct {
	// Owner is the ID of the container.
	Owner string
	// Peer is the client, Host the end that it called; Remote is whom the container
	// sees, one of its own ends, and Inside the end that listens there. One that is gone
	// at this moment is the zero AddrPort.
	Peer, Host, Remote, Inside netip.AddrPort
	// HalfClosed: one side has said its last.
	HalfClosed bool
	// BytesIn went to the container, BytesOut to the client.
	BytesIn, BytesOut uint64
}

// Connections lists the connections that there are now.
func (s *Splicer) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Connection
	for _, r := range s.relays {
		out = r.list(out)
	}
	return out
}

func (r *relay) list(out []Connection) []Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.pairs {
		if p.service == nil {
			continue
		}
		client, server := p.fds[0], p.fds[1]
		out = append(out, Connection{
			Owner: p.service.b.Owner, Inside: p.service.b.Target,
			Peer: endOf(unix.Getpeername(client)), Host: endOf(unix.Getsockname(client)), Remote: endOf(unix.Getsockname(server)),
			HalfClosed: p.pumps[0].done || p.pumps[1].done, BytesIn: p.moved[0], BytesOut: p.moved[1],
		})
	}
	return out
}

// endOf returns an end of a connection; after an error, of one that was reset, none.
func endOf(sa unix.Sockaddr, err error) netip.AddrPort {
	if err != nil {
		return netip.AddrPort{}
	}
	at := addrPortOf(sa)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func addrPortOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
