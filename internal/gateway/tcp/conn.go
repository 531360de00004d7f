package tcp

import (
	"sync"
	"time"

	"vswitch/internal/frame"
)

// state is that of RFC 9293, section 3.3.2, without those of active open.
type state uint8

const (
	closed state = iota
	synReceived
	established
	finWait1
	finWait2
	closeWait
	closing
	lastAck
	timeWait
)

// How long a connection stays that the service has closed.
const (
	lingerTime   = 30 * time.Second // to bring out what is left
	finWait2Time = 10 * time.Second // for the peer to close its side
	timeWaitTime = 2 * time.Second
)

// Conn is a connection. It is a net.Conn with deadlines that work; they pass at the
// first Tick behind them. A Conn is made by a listener.
type Conn struct {
	h *Host
	l *listener // nil once it is accepted
	pair
	mac    frame.MAC // the peer's
	state  state
	serial uint64

	snd sender
	rcv receiver
	// expire is when the connection ends if nothing happens; challenged when the
	// last challenge was.
	expire, challenged time.Time

	cond            sync.Cond
	writing         bool // a Write is under way; another waits
	readBy, writeBy time.Time
	closed          bool  // by the service
	err             error // why it ended; nil for a good end
}

// expireIn has the connection end after d.
func (c *Conn) expireIn(d time.Duration) {
	c.expire = c.h.now.Add(d)
	c.h.arm(c.expire)
}

// heard notes that the peer is there.
func (c *Conn) heard(s *segment) {
	c.mac = s.mac
	if !c.closed && c.state != synReceived {
		c.expireIn(c.h.cfg.Idle)
	}
}

// enterTimeWait waits for the peer's FIN to come again (RFC 9293, section 3.6.1).
func (c *Conn) enterTimeWait() {
	c.state = timeWait
	c.snd.stopTimer()
	c.expireIn(timeWaitTime)
}

// abort ends the connection and tells the peer.
func (c *Conn) abort(err error) {
	if c.state != timeWait {
		c.h.stats.Aborted++
		c.h.emit(c.mac, c.pair, frame.TCPFields{
			Seq: uint32(c.snd.front()), Ack: uint32(c.rcv.nxt), Flags: rst | ack,
		}, nil)
	}
	c.end(err)
}

// end takes the connection off the host. The service can still read what came in.
func (c *Conn) end(err error) {
	h := c.h
	delete(h.conns, c.pair)
	if h.clients[c.remote.Addr()]--; h.clients[c.remote.Addr()] == 0 {
		delete(h.clients, c.remote.Addr())
	}
	if c.state == synReceived {
		h.half--
	}
	if c.l != nil {
		c.l.forget(c)
	}
	c.state, c.err = closed, err
	c.snd.buf, c.rcv.pieces = nil, nil
	c.cond.Broadcast()
}
