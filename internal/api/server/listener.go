package server

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// conn is a connection with its peer and its place among those served.
type conn struct {
	*net.UnixConn
	peer syscall.Ucred
	// free gives the place back; only its first call counts.
	free func()
}

// Close closes the connection and gives its place back.
func (c *conn) Close() error {
	defer c.free()
	return c.UnixConn.Close()
}

// limited accepts while there are places.
type limited struct {
	*net.UnixListener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(l *net.UnixListener, places int) *limited {
	return &limited{UnixListener: l, places: make(chan struct{}, places), closed: make(chan struct{})}
}

// Accept waits for a place, then for a connection: those that find no place wait
// in the kernel's queue.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	free := sync.OnceFunc(func() { <-l.places })
	c, err := l.AcceptUnix()
	if err != nil {
		free()
		return nil, err
	}
	return &conn{UnixConn: c, peer: credentials(c), free: free}, nil
}

// Close also ends an Accept that waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.UnixListener.Close()
}

// nobody is the peer when the kernel does not tell: uid -1, which no user has.
var nobody = syscall.Ucred{Uid: ^uint32(0), Gid: ^uint32(0)}

// credentials returns who connected, as of the time of connect(2): SO_PEERCRED,
// the uid translated into this process's user namespace (cred_to_ucred in
// net/core/sock.c).
func credentials(c *net.UnixConn) syscall.Ucred {
	raw, err := c.SyscallConn()
	if err != nil {
		return nobody
	}
	peer := nobody
	err = raw.Control(func(fd uintptr) {
		u, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err == nil {
			peer = *u
		}
	})
	if err != nil {
		return nobody
	}
	return peer
}

// peerKey finds the peer in a request's context.
type peerKey struct{}

// withPeer puts a connection's peer into the context of its requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, peerKey{}, c.peer)
	}
	return ctx
}

// peerOf returns who sent the request of ctx.
func peerOf(ctx context.Context) syscall.Ucred {
	if u, ok := ctx.Value(peerKey{}).(syscall.Ucred); ok {
		return u
	}
	return nobody
}
