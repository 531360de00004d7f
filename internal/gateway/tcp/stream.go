package tcp

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Read gives what came in order. Its errors: io.EOF behind the peer's FIN, and
// net.OpErrors that Are os.ErrDeadlineExceeded, net.ErrClosed after Close,
// syscall.ECONNRESET when the peer reset the connection, syscall.ETIMEDOUT when it
// was given up. What came before these last two is read first.
func (c *Conn) Read(b []byte) (int, error) {
	c.h.lock()
	defer c.h.unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.h.due(c.readBy):
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(c.rcv.buf) > 0:
			return c.take(b), nil
		case c.rcv.done:
			return 0, io.EOF
		case c.state == closed:
			return 0, c.fail("read", c.err)
		}
		c.wait()
	}
}

// take reads, and tells the peer when that has opened the window.
func (c *Conn) take(b []byte) int {
	n := c.rcv.read(b)
	if c.state != closed && !c.rcv.done && c.rcv.widened() {
		c.sendAck()
	}
	return n
}

// Write returns when all of b is in the buffer for sending, which is less than
// having arrived. Its errors are those of Read, and syscall.EPIPE after CloseWrite.
// Several Writes at once do not mix.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.h.lock()
	defer c.h.unlock()
	for c.writing && c.mayWrite() == nil {
		c.wait()
	}
	if !c.writing {
		c.writing = true
		defer c.wrote()
	}
	for {
		if err := c.mayWrite(); err != nil {
			return n, c.fail("write", err)
		}
		room := min(sendBuf-len(c.snd.buf), len(b)-n)
		c.snd.buf = append(c.snd.buf, b[n:n+room]...)
		c.output()
		if n += room; n == len(b) {
			return n, nil
		}
		c.wait()
	}
}

// wrote lets the next Write begin.
func (c *Conn) wrote() {
	c.writing = false
	c.cond.Broadcast()
}

// mayWrite returns why nothing can be written, if so.
func (c *Conn) mayWrite() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.h.due(c.writeBy):
		return os.ErrDeadlineExceeded
	case c.state == closed && c.err != nil:
		return c.err
	case c.state == closed, c.snd.fin:
		return syscall.EPIPE
	}
	return nil
}

// wait lets go of the lock until something may have changed. Frames leave first.
func (c *Conn) wait() {
	if c.h.busy() {
		c.h.flush()
	} else {
		c.cond.Wait()
	}
	c.h.now = c.h.cfg.Now()
}

// CloseWrite ends the stream to the peer behind what was written. Reading goes on.
func (c *Conn) CloseWrite() error {
	c.h.lock()
	defer c.h.unlock()
	if c.closed || c.state == closed {
		return c.fail("close", net.ErrClosed)
	}
	c.shut()
	return nil
}

// shut queues the FIN.
func (c *Conn) shut() {
	if c.snd.fin {
		return
	}
	c.snd.fin = true
	if c.state == closeWait {
		c.state = lastAck
	} else {
		c.state = finWait1
	}
	c.cond.Broadcast()
	c.output()
}

// Close ends the connection. It does not wait: what was written is still sent, for
// 30 s. If something that came in was not read, or comes in later, the peer gets a
// RST, so that it knows.
func (c *Conn) Close() error {
	c.h.lock()
	defer c.h.unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.cond.Broadcast()
	switch {
	case c.state == closed, c.state == timeWait:
	case len(c.rcv.buf) > 0:
		c.abort(nil)
	default:
		c.linger()
	}
	c.rcv.buf = nil
	return nil
}

// linger has what is left be sent.
func (c *Conn) linger() {
	c.expireIn(lingerTime)
	if c.state == finWait2 {
		c.expireIn(finWait2Time)
	}
	c.shut()
}

// LocalAddr returns the gateway's end, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the peer's end, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
