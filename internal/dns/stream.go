package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// ServeStream answers what comes over l's connections, until l is closed; it returns
// nil then, and any other error of accepting. v returns the view of who is at an
// address, and is called for each query; false closes the connection. Connections
// need deadlines that work. l stays the caller's; when ServeStream returns, all its
// connections are closed.
func (s *Server) ServeStream(v func(remote netip.AddrPort) (View, bool), l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	conns := newLimiter(s.cfg.Conns, s.cfg.ConnsPerClient)
	for {
		c, err := accept(l)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("dns: accept at %v: %w", l.Addr(), err)
		}
		remote := addrPort(c.RemoteAddr())
		client := remote.Addr().String()
		if !conns.take(client) {
			s.stats.count(connRefused)
			_ = c.Close()
			continue
		}
		wg.Go(func() {
			defer conns.give(client)
			s.serveConn(ctx, c, func() (View, bool) { return v(remote) })
		})
	}
}

// accept waits for a connection. Errors that pass by themselves, as that of too
// many open files, are waited out.
func accept(l net.Listener) (net.Conn, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		c, err := l.Accept()
		if err == nil || !passing(err) {
			return c, err
		}
		time.Sleep(pause)
	}
}

func passing(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED:
		return true
	}
	return false
}

// addrPort returns an address of the net package as a value; the zero value when
// it is none of IP.
func addrPort(a net.Addr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String()) // the zero value is the answer
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
