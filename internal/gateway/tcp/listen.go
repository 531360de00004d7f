package tcp

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
)

// listener is a port that connections can be opened to, at all addresses. How many
// wait to be accepted is bounded by the host's limit of connections.
type listener struct {
	h      *Host
	port   uint16
	queue  []*Conn
	cond   sync.Cond
	closed bool
}

// Listen offers a port. Accept of the listener blocks; what it returns is a *Conn.
// Close makes it return an error that Is net.ErrClosed, and resets what was not
// accepted; accepted connections stay. The errors Are syscall.EADDRINUSE, EINVAL for
// port 0, and net.ErrClosed after Host.Close.
func (h *Host) Listen(port uint16) (net.Listener, error) {
	h.lock()
	defer h.unlock()
	switch {
	case h.closed:
		return nil, fmt.Errorf("tcp: listen on port %d: %w", port, net.ErrClosed)
	case port == 0:
		return nil, fmt.Errorf("tcp: listen on port %d: %w", port, syscall.EINVAL)
	case h.listeners[port] != nil:
		return nil, fmt.Errorf("tcp: listen on port %d: %w", port, syscall.EADDRINUSE)
	}
	l := &listener{h: h, port: port}
	l.cond.L = &h.mu
	h.listeners[port] = l
	return l, nil
}

// Accept waits for a connection whose handshake is finished.
func (l *listener) Accept() (net.Conn, error) {
	l.h.lock()
	defer l.h.unlock()
	for len(l.queue) == 0 {
		if l.closed {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
		}
		l.cond.Wait()
	}
	c := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	c.l = nil
	return c, nil
}

// Close ends listening.
func (l *listener) Close() error {
	l.h.lock()
	defer l.h.unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.close()
	return nil
}

func (l *listener) close() {
	l.closed = true
	delete(l.h.listeners, l.port)
	for _, c := range l.h.conns {
		if c.l == l {
			c.abort(net.ErrClosed)
		}
	}
	l.queue = nil
	l.cond.Broadcast()
}

// forget takes a connection that has ended out of the queue.
func (l *listener) forget(c *Conn) {
	l.queue = slices.DeleteFunc(l.queue, func(q *Conn) bool { return q == c })
}

// Addr returns the port, at no address in particular.
func (l *listener) Addr() net.Addr { return &net.TCPAddr{Port: int(l.port)} }
