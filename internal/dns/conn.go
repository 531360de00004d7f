package dns

import (
	"context"
	"net"
	"sync"
)

const (
	// largestQuery is the bytes of a query that are taken over TCP: a question and an
	// OPT record with generous padding.
	largestQuery = 4096
	// pipelined is how many queries of a connection are being answered at once;
	// further ones are not read meanwhile.
	pipelined = 32
)

// conn is a connection of an asker. Replies leave in the order in which they are
// ready (RFC 7766 section 6.2.1.1), one at a time.
type conn struct {
	net.Conn
	s  *Server
	mu sync.Mutex // held while a reply is written
}

// serveConn answers the queries of a connection and closes it: when it was idle for
// too long, when a message is too long, when view knows nobody there, or when ctx
// ends. An asker that closes its side still gets what it has asked for.
func (s *Server) serveConn(ctx context.Context, nc net.Conn, view func() (View, bool)) {
	ctx, giveUp := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	var wg sync.WaitGroup
	defer func() {
		wg.Wait()
		stop()
		giveUp()
		_ = nc.Close()
	}()
	c := &conn{Conn: nc, s: s}
	places := make(chan struct{}, pipelined)
	for {
		msg, err := c.read()
		if err != nil {
			return
		}
		v, ok := view()
		if !ok {
			giveUp()
			return
		}
		places <- struct{}{}
		s.handle(ctx, &wg, v, msg, true, func(reply []byte) {
			if reply != nil && c.write(reply) != nil {
				giveUp()
			}
			<-places
		})
	}
}

// read reads a query. A whole one has to come within the time that a connection may
// be idle.
func (c *conn) read() ([]byte, error) {
	if err := c.SetReadDeadline(c.s.cfg.Now().Add(c.s.cfg.Idle)); err != nil {
		return nil, err
	}
	return readFramed(c, largestQuery)
}

// write sends a reply. Who does not take it within the same time has lost it.
func (c *conn) write(reply []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.SetWriteDeadline(c.s.cfg.Now().Add(c.s.cfg.Idle)); err != nil {
		return err
	}
	return writeFramed(c, reply)
}
