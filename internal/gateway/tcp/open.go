package tcp

import (
	"encoding/binary"

	"vswitch/internal/frame"
)

// open begins a connection that a SYN asks for (RFC 9293, section 3.10.7.2).
func (h *Host) open(l *listener, s *segment) {
	if !h.admit(s.remote.Addr()) {
		h.stats.Refused++
		h.refuse(s)
		return
	}
	c := h.newConn(l, s)
	h.conns[c.pair] = c
	h.clients[c.remote.Addr()]++
	h.half++
	c.synAck()
	c.startTimer()
}

func (h *Host) newConn(l *listener, s *segment) *Conn {
	h.serial++
	c := &Conn{h: h, l: l, pair: s.pair, mac: s.mac, state: synReceived, serial: h.serial}
	c.cond.L = &h.mu
	c.rcv.nxt = s.seq + 1
	c.rcv.edge = c.rcv.nxt.plus(recvBuf)
	c.rcv.step = min(h.mss(c.local.Addr()), recvBuf/2)
	c.snd.init(h.isn(c.pair), c.peerMSS(s.mss))
	c.snd.timed, c.snd.timedTo, c.snd.timedAt = true, c.snd.nxt, h.now
	return c
}

// peerMSS returns how much payload a segment to the peer may have.
func (c *Conn) peerMSS(announced int) int {
	if announced == 0 {
		announced = defaultMSS(c.local.Addr())
	}
	return max(min(announced, c.h.mss(c.local.Addr())), minMSS)
}

// synAck answers the SYN; the window in it is not scaled, nor is any later one.
func (c *Conn) synAck() {
	mss := [4]byte{frame.TCPOptMSS, 4}
	binary.BigEndian.PutUint16(mss[2:], uint16(c.h.mss(c.local.Addr())))
	c.h.emit(c.mac, c.pair, frame.TCPFields{
		Seq: uint32(c.snd.una), Ack: uint32(c.rcv.nxt), Flags: syn | ack, Window: recvBuf, Options: mss[:],
	}, nil)
}

// established ends the handshake and offers the connection to the service.
func (c *Conn) established() {
	c.state = established
	c.snd.opened(c.h.now)
	c.h.half--
	c.h.stats.Accepted++
	c.l.queue = append(c.l.queue, c)
	c.l.cond.Signal()
}
