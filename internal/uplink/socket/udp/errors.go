package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

// maxErrors is how many errors of a socket are read in one go.
const maxErrors = 256

// errorQueue has what reading a socket's errors needs: one of them, and what it quotes,
// behind the room for the UDP header that the quote lacks.
type errorQueue struct {
	e     report.Error
	quote [1280]byte
}

// complain reads the errors of socket id to the end, which clears the pending one, and
// tells the container. mtu is the path's where the host's kernel itself found a datagram
// too big: that error quotes nothing, and is told by who sent the datagram.
func (s *Shard) complain(x uplink.Outbox, n *uplink.Net, id uint32) (mtu uint32) {
	q := &s.errors
	for range maxErrors {
		if !report.ReadError(int(s.sockets.at(id).fd), q.quote[frame.UDPLen:], &q.e) {
			return mtu
		}
		if q.e.Origin == unix.SO_EE_ORIGIN_LOCAL {
			if q.e.Errno == unix.EMSGSIZE {
				mtu = q.e.Info
			}
			continue
		}
		s.tell(x, n, id)
	}
	s.later(id)
	return mtu
}

// tell tells the container of the error in s.errors, if it is about something that the
// container has sent by socket id.
func (s *Shard) tell(x uplink.Outbox, n *uplink.Net, id uint32) {
	q := &s.errors
	peer := endOf(q.e.Peer)
	at := s.match(id, &peer, &[16]byte{})
	if at == none || !s.sessions.at(at).sent {
		return
	}
	if q.e.Errno == unix.ECONNREFUSED {
		s.counts.Refused++
	}
	e := s.sessions.at(at)
	m := s.mappings.at(e.mapping)
	u := frame.UDP(q.quote[:frame.UDPLen+len(q.e.Payload)])
	h := head{src: m.inside, dst: e.remote}
	h.ports(u, len(u))
	u.SetChecksum(0)
	s.report(x, n, m, e, u, 0)
}

// report sends the error in s.errors about u, a datagram of a session's.
func (s *Shard) report(x uplink.Outbox, n *uplink.Net, m *mapping, e *session, u frame.UDP, ttl uint8) {
	inside := m.inside.addrPort()
	mac, ok := n.Lookup(inside.Addr())
	if !ok {
		return
	}
	q := report.Quote{
		Proto: frame.ProtoUDP, Src: inside, Dst: e.remote.addrPort(), TTL: ttl, Len: u.Length(), Payload: u,
	}
	s.limiter.Send(x, n, mac, &q, &s.errors.e)
}

// tooBig tells the container that the first datagram of gathered frame i is longer than
// the path's mtu, which is 0 where the kernel did not say it.
func (s *Shard) tooBig(x uplink.Outbox, n *uplink.Net, id uint32, mtu uint32, i int) {
	e := s.sessions.at(id)
	m := s.mappings.at(e.mapping)
	g := &s.gather
	v6 := !m.inside.is4()
	if s.errors.e, _ = report.Local(unix.EMSGSIZE, v6); mtu == 0 {
		mtu = leastMTU
	}
	s.errors.e.Info = min(mtu, uint32(n.MTU))
	payload := unsafe.Slice(g.iov[i].Base, g.iov[i].Len)
	payload = payload[:min(len(payload), g.size)]
	u := frame.UDP(s.errors.quote[:])
	u = u[:frame.UDPLen+copy(u[frame.UDPLen:], payload)]
	h := head{src: m.inside, dst: e.remote}
	h.ports(u, frame.UDPLen+len(payload))
	u.SetChecksum(0)
	s.report(x, n, m, e, u, g.ttl)
}

// leastMTU is what every path of IPv6 carries (RFC 8200, section 5).
const leastMTU = 1280
