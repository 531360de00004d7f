package portfwd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// service accepts at one binding.
type service struct {
	b      *Binding
	dial   Dial
	ctx    context.Context // over when the binding is closed
	cancel context.CancelFunc
	dials  sync.WaitGroup
	counts tally
}

// tally are the connections of one service.
type tally struct {
	open              atomic.Int64
	accepted, refused atomic.Uint64
}

const (
	// acceptTurn is how many connections one port accepts before the next one may.
	acceptTurn = 16
	// acceptPause is how long nobody accepts after the machine ran out of something.
	acceptPause = 10 * time.Millisecond
)

// ready accepts at the service with that key. It runs on the acceptor's thread, with
// the poller's lock held, so that nobody is in here when Close has returned.
func (s *Splicer) ready(key uint64, _ uint32) {
	svc := s.services[key]
	for range acceptTurn {
		if svc == nil {
			return
		}
		fd, _, err := unix.Accept4(svc.b.FD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			s.admit(svc, fd)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EAGAIN):
			return
		default: // EMFILE, ENFILE, ENOBUFS, ENOMEM: they wait in the backlog
			s.acceptor.pause = acceptPause
			return
		}
	}
}

// admit connects an accepted client to the container, or resets it when there are
// too many.
func (s *Splicer) admit(svc *service, client int) {
	if s.counts.open.Add(1) > int64(s.cfg.MaxConns) {
		s.counts.open.Add(-1)
		s.counts.refused.Add(1)
		svc.counts.refused.Add(1)
		hangUp(client, true)
		return
	}
	s.counts.accepted.Add(1)
	svc.counts.accepted.Add(1)
	svc.counts.open.Add(1)
	svc.dials.Go(func() { s.connect(svc, client) })
}

// connect dials for one client and hands both sockets to a relay. Who is not let in
// by the container is reset, and so learns at once.
func (s *Splicer) connect(svc *service, client int) {
	server, err := svc.connect(s.cfg.DialTimeout)
	if err != nil {
		s.counts.failed.Add(1)
		s.counts.open.Add(-1)
		svc.counts.refused.Add(1)
		svc.counts.open.Add(-1)
		hangUp(client, true)
		return
	}
	prepare(client)
	prepare(server)
	if err := lightest(s.relays).add(svc, client, server); err != nil {
		s.counts.failed.Add(1) // add has closed them
	}
}

// connect returns a connected socket of the container's namespace.
func (svc *service) connect(timeout time.Duration) (fd int, err error) {
	ctx, cancel := context.WithTimeout(svc.ctx, timeout)
	defer cancel()
	c, err := svc.dial(ctx, "tcp", svc.b.Target)
	if err != nil {
		return -1, err
	}
	defer c.Close()
	return duplicate(c)
}

// prepare sets what a relay wants of a socket: no waiting for more bytes, and an end
// when the peer has vanished. Neither is needed for the bytes to be right.
func prepare(fd int) {
	for _, o := range []struct{ level, opt, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAlive},
	} {
		_ = unix.SetsockoptInt(fd, o.level, o.opt, o.value)
	}
}

// keepAlive is in seconds; the value of Docker's proxy, which is Go's.
const keepAlive = 15
