package tcp

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

const (
	// windowShift lets 16 MiB be announced, which is more than a socket's buffer grows
	// to by itself.
	windowShift = 8
	// firstWindow is promised before the socket has been asked: what any has room for.
	firstWindow = 32 << 10
	// minMSS is the shortest segment that a container can ask for, in bytes of payload.
	minMSS = 64
	// watched are the events that a socket's life needs.
	watched = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLPRI
)

// open takes a SYN: if the container may have the connection, a socket is told to
// connect. The SYN is answered when that has an outcome.
func (s *Shard) open(n *uplink.Net, f *frame.Frame, t frame.TCP, k *key, hash uint32, v4 bool) frame.Reason {
	host, end := s.admit(n, k, v4)
	switch end {
	case frame.Accepted:
	case frame.DropUplinkUnreachable, frame.DropNoService: // the caller says so, by ICMP or a RST
		return end
	default:
		s.refuse(n, f, t)
		return end
	}
	id := s.add(k, hash)
	s.last = id
	r := &s.flows[id]
	s.begin(id, n, f.Src, v4)
	r.state = connecting
	s.halfOpen[r.source()]++
	s.offered(r, t)
	r.quote(f, t)
	r.rcvNxt = t.Seq() + 1
	r.rcvEdge = r.rcvNxt + firstWindow
	r.credit = firstWindow
	return s.connect(id, n, netip.AddrPortFrom(host, r.remotePort))
}

// admit says whether a container may have one more connection, and where the socket is
// to connect to. Loopback addresses by their own name are the container's own: what
// comes here with one was made by hand. So was IPv4 in IPv6's clothes.
func (s *Shard) admit(n *uplink.Net, k *key, v4 bool) (host netip.Addr, end frame.Reason) {
	inside, dst := netip.AddrFrom16(k.inside), netip.AddrFrom16(k.remote)
	if !v4 && (inside.Is4In6() || dst.Is4In6()) {
		return host, frame.DropUplinkUnreachable
	}
	inside, dst = inside.Unmap(), dst.Unmap()
	host, end = n.Reach(frame.ProtoTCP, dst, k.remotePort)
	switch {
	case end == frame.DropUplinkProtocol: // a group of receivers
		return host, frame.DropUplinkUnreachable
	case end != frame.Accepted:
		return host, end
	case s.full() || s.halfOpen[source{k.net, k.inside}] >= s.halfOpenMax() || !s.cfg.Budget.Take(n, inside):
		s.counts.Limited++
		return host, frame.DropUplinkLimit
	}
	return host, frame.Accepted
}

// begin fills in what connections of both kinds have.
func (s *Shard) begin(id uint32, n *uplink.Net, mac frame.MAC, v4 bool) {
	r := &s.flows[id]
	r.insideMAC, r.gateway, r.port = mac, n.MAC, n.Port
	r.flags = flagBudget
	if v4 {
		r.flags |= flagV4
	}
	s.nets[n.ID] = n
	r.heard = s.now
	r.sndUna = s.isn(r, s.now)
	r.sndNxt, r.sndMax, r.taken = r.sndUna, r.sndUna, r.sndUna+1
	s.counts.Opened++
}

func (r *record) source() source { return source{r.net, r.inside} }

// mssOf returns what fits in a segment of network n.
func mssOf(n *uplink.Net, v4 bool) int { return max(n.MTU-ipLen(v4)-frame.TCPLen, minMSS) }

// offered takes what the container's SYN says: the longest segment that it takes (RFC
// 9293, section 3.7.1) and whether windows are scaled (RFC 7323, section 2).
func (s *Shard) offered(r *record, t frame.TCP) {
	v4 := r.has(flagV4)
	mss := 1220
	if v4 {
		mss = 536
	}
	if m, ok := t.MSS(); ok {
		mss = int(m)
	}
	r.mss = uint16(max(min(mss, mssOf(s.nets[r.net], v4)), minMSS))
	r.rcvShift, r.sndShift = 0, 0
	if scale := t.Option(frame.TCPOptScale); len(scale) == 1 {
		r.rcvShift, r.sndShift = windowShift, min(scale[0], 14)
	}
	r.sndWnd = uint32(t.Window())
	r.maxWnd = r.sndWnd
	r.wl1 = t.Seq()
}

// connect makes the socket. The handshake with a peer on this host is over when connect
// returns, so it is asked at once, which saves the way through epoll.
func (s *Shard) connect(id uint32, n *uplink.Net, to netip.AddrPort) frame.Reason {
	r := &s.flows[id]
	fd, err := s.socket(r)
	if err == nil {
		r.fd = int32(fd)
		if s.near.paces && s.near.has(to.Addr(), s.now) {
			unpaced(fd)
		}
		err = s.sys.connect(fd, to)
	}
	if err == nil {
		err = s.cfg.Watch.Watch(fd, watched, r.watchKey(id))
		if err != nil {
			closeSocket(fd) // it is not watched, and must not be unwatched
			r.fd = -1
		}
	} else if r.fd >= 0 {
		closeSocket(fd)
		r.fd = -1
	}
	if err != nil {
		return s.unconnected(id, n, err)
	}
	if events := s.poll(r.fd, unix.POLLOUT); events != 0 {
		s.near.learn(to.Addr(), s.now)
		return s.connected(id, n, uint32(events)) // epoll has the same bits
	}
	s.rearm(id, r)
	return frame.Consumed
}

// socket makes a socket for r. What only a connection needs that lives on is set later
// (noDelay, keepAlive). A SYN with few hops left looks for the way, and its socket's error
// queue is where the routers answer.
func (s *Shard) socket(r *record) (int, error) {
	v4 := r.has(flagV4)
	family := unix.AF_INET6
	if v4 {
		family = unix.AF_INET
	}
	fd, err := s.sys.socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	setInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if !usual(r.ttl) {
		r.flags |= flagTraced
		setHops(fd, v4, int(r.ttl)-1)
		setErrorQueue(fd, v4, 1)
	}
	return fd, nil
}

// usual reports whether hops are what kernels begin with, and no choice of a program.
func usual(ttl uint8) bool { return ttl == 64 || ttl == 128 || ttl == 255 }

func setHops(fd int, v4 bool, hops int) {
	if v4 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, max(hops, 1))
	} else {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, max(hops, 1))
	}
}

// setErrorQueue has errors of the network queued. It makes those fatal that a
// connection otherwise outlives, so it ends with the handshake.
func setErrorQueue(fd int, v4 bool, on int) {
	if v4 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, on)
	} else {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, on)
	}
}

func dial(fd int, to netip.AddrPort) error {
	errno := connectSocket(fd, to)
	if errno == 0 || errno == unix.EINPROGRESS {
		return nil
	}
	return errno
}
