package tcp

import "vswitch/internal/frame"

// Input takes in a whole Ethernet frame with an IPv4 or IPv6 TCP segment that is
// addressed to the gateway; up to frame.MaxFrame bytes. The gateway has checked the
// headers, and the checksum is right or was left to the device. What is not such a
// frame is ignored. The bytes are the caller's again when it returns.
func (h *Host) Input(b []byte) {
	s, ok := read(b)
	h.lock()
	defer h.unlock()
	switch {
	case h.closed:
	case !ok:
		h.stats.Ignored++
	default:
		h.stats.SegmentsIn++
		h.input(&s)
	}
}

// input finds out whom a segment is for.
func (h *Host) input(s *segment) {
	c := h.conns[s.pair]
	if c != nil && c.reopenedBy(s) {
		c.end(nil)
		c = nil
	}
	if c != nil {
		c.arrive(s)
		return
	}
	l := h.listeners[s.local.Port()]
	if l != nil && s.flags&(syn|ack|rst|fin) == syn {
		h.open(l, s)
		return
	}
	h.refuse(s)
}

// refuse answers a segment that belongs to no connection (RFC 9293, section
// 3.10.7.1). It is never longer than what it answers.
func (h *Host) refuse(s *segment) {
	if s.has(rst) {
		return
	}
	f := frame.TCPFields{Flags: rst}
	if s.has(ack) {
		f.Seq = uint32(s.ack)
	} else {
		f.Ack = uint32(s.end())
		f.Flags |= ack
	}
	h.emit(s.mac, s.pair, f, nil)
}
