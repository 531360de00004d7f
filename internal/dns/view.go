package dns

import (
	"context"
	"net"
	"net/netip"
)

// View is whose question it is: what an asker may know, and whom it asks for the
// rest. Views are not changed once given away; their slices may be shared.
type View struct {
	// Asker says who shares a limit of queries being forwarded: the container's id.
	Asker string
	// Networks are the ids of the asker's networks, in order.
	Networks []string
	// Names: the asker sees the names on Networks. False on Docker's default
	// bridge, which only forwards.
	Names bool
	// Internal: the asker is on internal networks only. Nothing is asked of others
	// on its behalf; what it does not know is SERVFAIL, as Docker has it. The
	// exception is Upstreams with a Dial.
	Internal bool
	// Upstreams are the asker's own servers, as --dns gives them; empty: the host's.
	// 127.0.0.11 among them would be the asker asking itself, and is left out.
	Upstreams []netip.AddrPort
	// Dial reaches Upstreams, from within the asker's namespace; nil: as the host's
	// servers are reached.
	Dial DialFunc
	// NDotsSet: the asker's resolv.conf names a number of dots. A and AAAA of one
	// unknown label are then empty instead of forwarded.
	NDotsSet bool
	// Host are the addresses by which the asker reaches the host's loopback; the names
	// in HostNames have them. Empty: those names are like any other.
	Host []netip.Addr
}

// HostNames are the names of the host for containers: ours, and the one that Docker
// Desktop gives. No server outside is asked for them.
var HostNames = []string{"host.vswitch.internal", "host.docker.internal"}

// DialFunc connects to a server, as net.Dialer.DialContext does: "udp" or "tcp", and
// an address with a port. Datagrams from others than that address must not come
// out of the connection.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Embedded is the address at which a container finds this server.
var Embedded = netip.MustParseAddr("127.0.0.11")
