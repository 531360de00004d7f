package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
	"vswitch/internal/uplink/socket/tcp"
)

// errClosed is returned where a shard is closed, or not started.
var errClosed = errors.New("the way out is closed")

// Port is a published port: a socket of the host, and who it leads to.
type Port struct {
	// UDP tells a bound socket from a listening one. FD is the caller's: it is in
	// non-blocking mode, not closed here, and stays open until Shut has returned.
	UDP bool
	FD  int
	// Host is where it is bound, Inside the container's end.
	Host, Inside netip.AddrPort
	// Net is the container's network.
	Net *uplink.Net
}

// PortCounts are the clients of a published port: those whose connection began, and
// those that were reset because it could not.
type PortCounts struct{ Accepted, Refused uint64 }

// port is a Port at work.
type port struct {
	Port
	used    bool // its number is given away
	open    bool // it takes clients
	waiting bool // it is in the list of those that have clients
	udp     uint32
	PortCounts
}

// ports are the published ports of a shard, by number.
type ports struct {
	all  []port
	free []uint32
	acceptor
}

// Open begins to take clients of a published port, those that wait already too, and
// returns its number.
func (s *Shard) Open(x uplink.Outbox, p Port) (id uint32, err error) {
	s.begin()
	defer s.done(x)
	id = s.ports.number()
	at := &s.ports.all[id]
	*at = port{Port: p, used: true}
	switch {
	case s.watch == nil:
		err = errClosed
	case p.UDP:
		at.udp, err = s.udp.Open(x, p.Net, p.FD, p.Inside, p.Host)
	default:
		err = s.listen(id, p.FD)
	}
	if err != nil {
		s.ports.drop(id)
		return 0, fmt.Errorf("uplink: open published port %v: %w", p.Host, err)
	}
	at.open = true
	return id, nil
}

// listen watches a listening socket.
func (s *Shard) listen(id uint32, fd int) error {
	if err := tcp.SetListener(fd); err != nil {
		return err
	}
	if err := s.watch.Watch(fd, unix.EPOLLIN, kindPort<<kindBits|int32(id)); err != nil {
		return err
	}
	s.ports.wait(id) // no edge tells of clients that came before
	s.watch.Again()
	return nil
}

// Shut ends that, and returns what clients there were. Connections of TCP go on, those
// of UDP end with their socket. A number that is not in use is left alone.
func (s *Shard) Shut(x uplink.Outbox, id uint32) PortCounts {
	if int(id) >= len(s.ports.all) || !s.ports.all[id].used {
		return PortCounts{}
	}
	s.begin()
	defer s.done(x)
	s.silence(x, id)
	counts := s.ports.all[id].PortCounts
	s.ports.drop(id)
	return counts
}

// silence has a port take no more clients.
func (s *Shard) silence(x uplink.Outbox, id uint32) {
	at := &s.ports.all[id]
	switch {
	case !at.open:
		return
	case at.UDP:
		s.udp.Shut(x, at.udp)
	default:
		_ = s.watch.Unwatch(at.FD)
	}
	at.open = false
	s.ports.leave(id)
}

// silenceNet does so with the ports of a network.
func (s *Shard) silenceNet(x uplink.Outbox, net uint16) {
	for id := range s.ports.all {
		if at := &s.ports.all[id]; at.open && at.Net.ID == net {
			s.silence(x, uint32(id))
		}
	}
}

// PortCounts returns what clients a published port has had; of UDP they are seen as
// flows only.
func (s *Shard) PortCounts(id uint32) PortCounts {
	if int(id) >= len(s.ports.all) {
		return PortCounts{}
	}
	return s.ports.all[id].PortCounts
}

func (p *ports) number() uint32 {
	if n := len(p.free) - 1; n >= 0 {
		id := p.free[n]
		p.free = p.free[:n]
		return id
	}
	p.all = append(p.all, port{})
	return uint32(len(p.all) - 1)
}

func (p *ports) drop(id uint32) {
	p.leave(id)
	p.all[id] = port{}
	p.free = append(p.free, id)
}

// wait notes that a port has clients, leave that it does not matter any more.
func (p *ports) wait(id uint32) {
	if at := &p.all[id]; at.used && !at.waiting {
		at.waiting = true
		p.ready = append(p.ready, id)
	}
}

func (p *ports) leave(id uint32) {
	if at := &p.all[id]; at.waiting {
		at.waiting = false
		p.ready = slices.DeleteFunc(p.ready, func(r uint32) bool { return r == id })
	}
}
