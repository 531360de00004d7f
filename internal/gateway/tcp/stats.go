package tcp

// Stats counts since the host was made; Open and HalfOpen are what there is now.
type Stats struct {
	// Open is connections in whatever state, HalfOpen those of them that wait for the
	// end of their handshake.
	Open, HalfOpen int
	// Accepted finished their handshake. Refused were over a limit. Evicted made room
	// for others before their handshake was finished or their TIME-WAIT was over.
	Accepted, Refused, Evicted uint64
	// Resets were ended by the peer, Aborted by this side: given up, idle, closed with
	// something unread, or with the host.
	Resets, Aborted uint64
	// SegmentsIn are those that could be read, Ignored what could not; SegmentsOut are
	// those given to Send, Lost those for which its queue was too long.
	SegmentsIn, Ignored, SegmentsOut, Lost uint64
	// Retransmits are segments sent again, Timeouts the times that it took the timer
	// for it; Probes are those of zero windows.
	Retransmits, Timeouts, Probes uint64
	// Challenges are ACKs in answer to what a stranger could have sent.
	Challenges uint64
}

// Stats returns the counts.
func (h *Host) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Open, s.HalfOpen = len(h.conns), h.half
	return s
}
