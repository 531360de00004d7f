package tcp

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// ErrLimit is returned by Accept when there are as many connections as there may be,
// ErrPorts when the client cannot be given a port of the gateway's.
var (
	ErrLimit = errors.New("too many connections")
	ErrPorts = errors.New("no port is free for the client")
)

const (
	// Ports of the gateway's that clients are given who cannot have their own (RFC 6335,
	// section 6), and how many are tried.
	firstPort, lastPort = 49152, 65535
	portTries           = 64
	// servicePorts is the first port that is not one of the gateway's own services.
	servicePorts = 1024
)

// SetListener sets what connections take over from the listener that they are accepted
// from, so that it need not be set for each: no delay, and urgent data in its place.
func SetListener(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1),
	)
}

// Accept opens a connection to a container, at inside and with hardware address mac, for
// a client whose socket fd was accepted, non-blocking, from a listener that SetListener
// has seen. The container sees the client's own address and port if it can. A container
// that refuses or does not answer has the client reset. x.As is called here; not in a
// run. fd is the shard's from here on, also on an error: then it is reset.
func (s *Shard) Accept(x uplink.Outbox, n *uplink.Net, fd int, client, local, inside netip.AddrPort, mac frame.MAC) error {
	s.enter(x)
	id, err := s.accepted(n, fd, client, inside, mac)
	if err != nil {
		setReset(fd)
		closeSocket(fd)
		return fmt.Errorf("tcp: accept %v for %v: %w", client, inside, err)
	}
	r := &s.flows[id]
	if !x.As(r.port) {
		s.abort(id)
		return fmt.Errorf("tcp: accept %v for %v: the network is gone", client, inside)
	}
	s.sendSyn(r, syn, mssOf(n, r.has(flagV4)))
	r.sndNxt = r.sndUna + 1
	r.sndMax = r.sndNxt
	s.rearm(id, r)
	return nil
}

func (s *Shard) accepted(n *uplink.Net, fd int, client, inside netip.AddrPort, mac frame.MAC) (uint32, error) {
	k, hash, err := s.clientKey(n, client, inside)
	if err != nil {
		return 0, err
	}
	if s.full() || !s.cfg.Budget.Take(n, inside.Addr()) {
		s.counts.Limited++
		return 0, ErrLimit
	}
	id := s.add(&k, hash)
	s.begin(id, n, mac, inside.Addr().Is4())
	r := &s.flows[id]
	r.fd = int32(fd)
	r.flags |= flagIn | flagNoDelay
	r.state = synSent
	r.rcvShift = windowShift
	r.mss = minMSS
	r.rcvEdge, r.credit = firstWindow, firstWindow // from a rcvNxt that is not known yet
	if err := s.cfg.Watch.Watch(fd, watched, r.watchKey(id)); err != nil {
		r.fd = -1
		s.abort(id)
		return 0, err
	}
	return id, nil
}

// clientKey names the connection by what the container is to see. Who has the client's
// address and port already, in a connection to the same port of the container, leaves
// this one a port of the gateway's. So does a client that the gateway stands for and whose
// port may be that of a service of the gateway's: the answers would go there.
func (s *Shard) clientKey(n *uplink.Net, client, inside netip.AddrPort) (k key, hash uint32, err error) {
	k = key{inside: inside.Addr().As16(), insidePort: inside.Port(), net: n.ID, remotePort: client.Port()}
	remote := n.Client(client.Addr(), inside.Addr())
	if !remote.IsValid() {
		return k, 0, ErrPorts
	}
	k.remote = remote.As16()
	gateway := n.Speaker(inside.Addr())
	if remote != gateway || client.Port() >= servicePorts {
		if hash, ok := s.vacant(&k); ok {
			return k, hash, nil
		}
	}
	if !gateway.IsValid() {
		return k, 0, ErrPorts
	}
	k.remote = gateway.As16()
	for range portTries {
		s.nextPort = max(firstPort, s.nextPort+1)
		k.remotePort = s.nextPort
		if hash, ok := s.vacant(&k); ok {
			return k, hash, nil
		}
	}
	return k, 0, ErrPorts
}

// vacant reports whether nobody has the name k. Who only waits for its end makes way.
func (s *Shard) vacant(k *key) (hash uint32, ok bool) {
	hash = s.hash(k)
	id := s.find(k, hash)
	if id != flow.None && s.flows[id].state == timeWait {
		s.abort(id)
		return hash, true
	}
	return hash, id == flow.None
}

// arriveSynSent takes the container's answer (RFC 9293, section 3.10.7.3).
func (s *Shard) arriveSynSent(id uint32, r *record, t frame.TCP) frame.Reason {
	flags := t.Flags()
	switch {
	case flags&ack != 0 && t.Ack() != r.sndMax:
		if flags&rst == 0 {
			s.sendStray(r, t.Ack())
		}
		return frame.DropTCPWindow
	case flags&(rst|ack) == rst|ack:
		s.counts.Refused++
		s.abort(id)
		return frame.Consumed
	case flags&(syn|ack|rst|fin) != syn|ack:
		return frame.DropTCPWindow
	}
	s.offered(r, t)
	r.rcvNxt = t.Seq() + 1
	r.rcvEdge += r.rcvNxt
	r.heard = s.now
	s.establish(id, r)
	s.needAck(id, r)
	return frame.Consumed
}
