package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// queryBuffer is the bytes of a socket's buffer. A query that fills it was longer
// and is taken for malformed.
const queryBuffer = 2048

// ServePacket answers what comes to c, until c is closed; it returns nil then, and
// any other error of reading. v returns the view of the socket's askers and is called
// for each query. c stays the caller's; when ServePacket returns, nothing of it uses
// c any more.
func (s *Server) ServePacket(v func() View, c net.PacketConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	buf := make([]byte, queryBuffer)
	for {
		n, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("dns: read from %v: %w", c.LocalAddr(), err)
		}
		s.Handle(ctx, &wg, v(), buf[:n], false, func(reply []byte) {
			// A reply that cannot be sent is like one that was lost: the asker asks again.
			_, _ = c.WriteTo(reply, from)
		})
	}
}
