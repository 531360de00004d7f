package tcp

import (
	"net"
	"time"
)

// SetDeadline sets the deadlines of Read and Write; the zero time means none. Times
// are those of Config.Now.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(&t, &t)
}

// SetReadDeadline sets the deadline of Read, also of one that waits.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline sets the deadline of Write, also of one that waits.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *Conn) setDeadlines(read, write *time.Time) error {
	c.h.lock()
	defer c.h.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	if read != nil {
		c.readBy = *read
	}
	if write != nil {
		c.writeBy = *write
	}
	if c.state != closed {
		c.arm()
	}
	c.cond.Broadcast()
	return nil
}
