package dhcp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"vswitch/internal/frame"
)

// Reservation keeps an address for one client.
type Reservation struct {
	// Addr is the address; its family says which protocol it is for.
	Addr netip.Addr
	// MAC, ClientID (DHCPv4) and DUID (DHCPv6) say who the client is; at least one
	// is needed. Where a client could be two, its identifier goes before its MAC.
	MAC      frame.MAC
	ClientID []byte
	DUID     []byte
	// Hostname is the name that the client gets; may be empty.
	Hostname string
	// Allocated says that the caller has the address from the pool already, and
	// gives it back itself.
	Allocated bool
}

func (r *Reservation) matches(mac frame.MAC, clientID, duid []byte) bool {
	switch {
	case r.Addr.Is6() && len(r.DUID) > 0:
		return bytes.Equal(r.DUID, duid)
	case r.Addr.Is4() && len(r.ClientID) > 0:
		return bytes.Equal(r.ClientID, clientID)
	}
	return r.MAC != 0 && r.MAC == mac
}

// reservations are found by address and by client.
type reservations struct {
	byAddr   map[netip.Addr]*Reservation
	byClient map[string]*Reservation
}

func newReservations() reservations {
	return reservations{map[netip.Addr]*Reservation{}, map[string]*Reservation{}}
}

// names returns the keys under which a client may have a reservation, the stronger
// one first.
func names(v6 bool, mac frame.MAC, clientID, duid []byte) (out []string) {
	if id := clientID; !v6 && len(id) > 0 {
		out = append(out, "4i"+string(id))
	}
	if v6 && len(duid) > 0 {
		out = append(out, "6d"+string(duid))
	}
	if mac != 0 {
		out = append(out, map[bool]string{false: "4m", true: "6m"}[v6]+mac.String())
	}
	return out
}

// of returns the client's reservation; nil if there is none.
func (rs *reservations) of(c *client) *Reservation {
	if len(rs.byAddr) == 0 {
		return nil
	}
	for _, n := range names(c.v6, c.mac, c.clientID, c.duid) {
		if r := rs.byClient[n]; r != nil {
			return r
		}
	}
	return nil
}

// at returns the reservation of an address; nil if there is none.
func (rs *reservations) at(addr netip.Addr) *Reservation { return rs.byAddr[addr] }

// name returns the one key that a reservation is entered under.
func (r *Reservation) name() string {
	if all := names(r.Addr.Is6(), r.MAC, r.ClientID, r.DUID); len(all) > 0 {
		return all[0]
	}
	return ""
}

// idle returns the reservations whose addresses are not in the book.
func (rs *reservations) idle(network string, book map[netip.Addr]*lease) (out []Lease) {
	for addr, r := range rs.byAddr {
		if book[addr] != nil {
			continue
		}
		out = append(out, Lease{
			Network: network, Addr: addr, MAC: r.MAC, ClientID: bytes.Clone(r.ClientID), DUID: bytes.Clone(r.DUID),
			Hostname: r.Hostname, State: Reserved, Port: frame.NoPort,
		})
	}
	return out
}

// Reserve keeps an address for a client, which must not have another reservation of
// the family. A lease that the client has elsewhere ends when it asks next; one that
// it has at this address goes on. ErrConflict: the address is somebody else's.
func (s *Server) Reserve(r Reservation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reserve(r); err != nil {
		return fmt.Errorf("dhcp: reserve %v on network %s: %w", r.Addr, s.cfg.Network, err)
	}
	return nil
}

func (s *Server) reserve(r Reservation) error {
	r.ClientID, r.DUID = bytes.Clone(r.ClientID), bytes.Clone(r.DUID)
	switch name := r.name(); {
	case !s.usable(r.Addr):
		return errors.New("not an address for clients of the network")
	case name == "":
		return errors.New("no client is named")
	case r.Hostname != "" && badDomain(r.Hostname):
		return fmt.Errorf("host name %q", r.Hostname)
	case s.reserved.byClient[name] != nil:
		return errors.New("the client has a reservation already")
	case s.reserved.byAddr[r.Addr] != nil:
		return ErrConflict
	}
	if err := s.takeReserved(&r); err != nil {
		return err
	}
	s.reserved.byAddr[r.Addr], s.reserved.byClient[r.name()] = &r, &r
	return nil
}

// takeReserved takes the address from the pool, or from the lease that the client
// has at it.
func (s *Server) takeReserved(r *Reservation) error {
	l := s.book.byAddr[r.Addr]
	switch {
	case l != nil && l.key != "" && r.matches(l.MAC, l.ClientID, l.DUID):
		l.lent = false
		return nil
	case l != nil:
		return ErrConflict
	case r.Allocated:
		return nil
	}
	if err := s.pool(r.Addr.Is6()).Request(r.Addr); err != nil {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return nil
}

// Unreserve ends a reservation. A lease at the address goes on as any other, unless
// the address is the caller's (Allocated): then the lease ends with it. It reports
// whether there was a reservation.
func (s *Server) Unreserve(now time.Time, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reserved.byAddr[addr]
	if r == nil {
		return false
	}
	delete(s.reserved.byAddr, addr)
	delete(s.reserved.byClient, r.name())
	l := s.book.byAddr[addr]
	switch {
	case l != nil && r.Allocated:
		s.end(l, Released, now)
	case l != nil:
		l.lent = true
	case !r.Allocated:
		s.giveBack(addr)
	}
	return true
}
