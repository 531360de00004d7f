package dhcp

// Stats count what the server did since it was made.
type Stats struct {
	// Messages of clients, and answers, by type. A Solicit counts as a Discover, an
	// Advertise as an Offer, a Reply with a bound or renewed lease as an Ack.
	Discover, Offer, Request, Ack, Nak, Decline, Release, Inform uint64
	// RouterSolicit and RouterAdvert count those of neighbour discovery.
	RouterSolicit, RouterAdvert uint64

	// Bound, Renewed, Declined, Released and Expired count what became of leases.
	Bound, Renewed, Declined, Released, Expired uint64

	// Exhausted counts requests for which no address was left, Limited those of ports
	// that have as many leases as they may.
	Exhausted, Limited uint64
	// Malformed counts messages that make no sense or claim to be another's, Relayed
	// those that came through a relay, Rogue those of servers.
	Malformed, Relayed, Rogue uint64
	// OtherServer counts requests that went to another server of the network.
	OtherServer uint64
	// Probes counts addresses that were probed, Conflicts those that were found in use.
	Probes, Conflicts uint64
	// NotSaved counts errors of OnLease, PoolErrors addresses that the pool did not
	// take back.
	NotSaved, PoolErrors uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Stats) event(e Event) {
	switch e {
	case EventBound:
		s.Bound++
	case EventRenewed:
		s.Renewed++
	case EventDeclined:
		s.Declined++
	case EventReleased:
		s.Released++
	case EventExpired:
		s.Expired++
	}
}
