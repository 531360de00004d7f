package tcp

import "net/netip"

// admit reports whether there is room for a connection from an address, after it
// has made room where something can go.
func (h *Host) admit(client netip.Addr) bool {
	all := func(*Conn) bool { return true }
	same := func(c *Conn) bool { return c.remote.Addr() == client }
	waiting := func(c *Conn) bool { return c.state == synReceived }
	return (h.clients[client] < h.cfg.ConnsPerClient || h.evict(same)) &&
		(h.half < h.cfg.HalfOpen || h.evict(waiting)) &&
		(len(h.conns) < h.cfg.Conns || h.evict(all))
}

// evict ends the connection that can be missed most of those that match: the oldest
// in TIME-WAIT, else the oldest whose handshake is not finished. It is false where
// there is neither. Nobody is told: both look like loss to a peer that is still there.
func (h *Host) evict(match func(*Conn) bool) bool {
	var victim *Conn
	for _, c := range h.conns {
		if (c.state == timeWait || c.state == synReceived) && match(c) && (victim == nil || c.older(victim)) {
			victim = c
		}
	}
	if victim == nil {
		return false
	}
	h.stats.Evicted++
	victim.end(nil)
	return true
}

// older reports whether c can be missed more than d.
func (c *Conn) older(d *Conn) bool {
	if c.state != d.state {
		return c.state == timeWait
	}
	return c.serial < d.serial
}
