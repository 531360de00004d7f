package tcp

// finish closes the socket when both ways are closed and all has arrived. The record
// stays for a moment if the container's FIN could come again because its ACK was lost.
func (s *Shard) finish(id uint32, r *record) {
	if !r.has(flagFinAcked) || !r.has(flagShut) || !s.consume(id, r) {
		return
	}
	s.close(id)
	if r.has(flagLastWord) || s.live >= maxIDs || s.idle >= s.cfg.MaxFlows {
		s.remove(id)
		return
	}
	r.state = timeWait
	s.idle++
	s.rearm(id, r)
}

// abort closes the socket so that its peer sees a reset, and forgets the connection.
func (s *Shard) abort(id uint32) {
	r := &s.flows[id]
	if r.fd >= 0 && r.state != connecting {
		setReset(int(r.fd))
	}
	s.close(id)
	s.remove(id)
}

// close closes the socket and gives back what the connection was counted for.
func (s *Shard) close(id uint32) {
	r := &s.flows[id]
	if s.gather.id == id {
		s.gather.drop()
	}
	if r.fd >= 0 {
		s.cfg.Watch.Forget(int(r.fd))
		closeSocket(int(r.fd))
		r.fd = -1
	}
	if r.state == connecting {
		s.leaveHalfOpen(r)
	}
	if r.state == timeWait {
		s.idle--
	}
	if r.has(flagBudget) {
		r.flags &^= flagBudget
		s.cfg.Budget.Give(r.net, r.insideAddr())
		s.counts.Closed++
	}
	s.dropStash(id)
}

// fail ends a connection whose socket has failed: the container is reset.
func (s *Shard) fail(id uint32) {
	s.sendReset(&s.flows[id])
	s.abort(id)
}

// broken ends a connection whose socket took nothing more, in its next turn: what the
// peer said before goes first, as far as the container has room for it.
func (s *Shard) broken(id uint32, r *record) {
	r.flags |= flagReadable | flagBroken
	s.enqueue(id)
}
