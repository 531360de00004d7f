package dhcp

import (
	"net/netip"
	"time"

	"vswitch/internal/frame"
)

// State is where a lease is in its life.
type State string

// The states. Released and Expired are those of a lease that has ended, as OnLease
// sees it; Reserved is that of a reservation whose client is not there.
const (
	Offered  State = "offered"
	Bound    State = "bound"
	Declined State = "declined"
	Released State = "released"
	Expired  State = "expired"
	Reserved State = "reserved"
)

// Event is what happened to a lease.
type Event string

// The events. An address that leaves quarantine is EventExpired as well.
const (
	EventBound    Event = "bound"
	EventRenewed  Event = "renewed"
	EventDeclined Event = "declined"
	EventReleased Event = "released"
	EventExpired  Event = "expired"
)

// Lease is an address in the hands of a client, or on the way there or back.
type Lease struct {
	Network string     `json:"network"`
	Addr    netip.Addr `json:"addr"`
	// MAC is the client's hardware address, 0 in a reservation that has none.
	MAC frame.MAC `json:"mac"`
	// ClientID is option 61 of DHCPv4, empty where the client sent none; DUID and
	// IAID are their counterpart in DHCPv6.
	ClientID  []byte `json:"clientId,omitempty"`
	DUID      []byte `json:"duid,omitempty"`
	IAID      uint32 `json:"iaid,omitempty"`
	Hostname  string `json:"hostname,omitempty"`
	Container string `json:"container,omitempty"`
	State     State  `json:"state"`
	// Start is when the lease was first bound, Expires when it, the offer or the
	// quarantine ends.
	Start   time.Time `json:"start,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Port is the port of the client's last message; frame.NoPort after a restart
	// until there is one.
	Port frame.PortID `json:"-"`
}

// V6 reports whether the lease is one of DHCPv6.
func (l *Lease) V6() bool { return l.Addr.Is6() }

// lease is a Lease in the book.
type lease struct {
	Lease
	// key is the client's; empty once the lease is declined and nobody's.
	key string
	// at is the lease's place in the heap.
	at int
	// lent says that the pool holds the address for this lease: it does not for a
	// reservation's, which has it already.
	lent bool
	// held is an offer that waits for the result of a probe.
	held *heldOffer
}

// heldOffer is the request that an offer will answer when its address was probed.
type heldOffer struct {
	request *request4
	since   time.Time
}

// client is who sent a message, and for which of its addresses.
type client struct {
	key      string
	mac      frame.MAC
	clientID []byte
	duid     []byte
	iaid     uint32
	port     frame.PortID
	owner    Owner
	hostname string
	v6       bool
}

// maxLeases returns how many leases of one family the client's port may hold.
func (c *client) maxLeases() int { return orDefault(c.owner.MaxLeases, DefaultMaxLeases) }

// key4 returns the key of a DHCPv4 client: its identifier, else its hardware
// address (RFC 2131, section 4.2), within the container where one is known.
func key4(container string, clientID []byte, mac frame.MAC) string {
	if len(clientID) > 0 {
		return container + "\x00i" + string(clientID)
	}
	return container + "\x00m" + mac.String()
}

// key6 returns the key of an identity association of a DHCPv6 client.
func key6(container string, duid []byte, iaid uint32) string {
	return container + "\x00d" + string([]byte{byte(iaid >> 24), byte(iaid >> 16), byte(iaid >> 8), byte(iaid)}) + string(duid)
}

// keyOf returns the key of the client that a stored lease belongs to.
func keyOf(l *Lease) string {
	if l.V6() {
		return key6(l.Container, l.DUID, l.IAID)
	}
	return key4(l.Container, l.ClientID, l.MAC)
}
