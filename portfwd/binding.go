package portfwd

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Target are a container's addresses; the zero Addr where it has none of a family.
type Target struct{ V4, V6 netip.Addr }

// Binding is one host socket of a published port. Its fields do not change. It owns
// its descriptor until Close.
type Binding struct {
	// Owner is the ID of the container.
	Owner string
	// Proto is TCP or UDP.
	Proto string
	// Host is what the socket is bound to.
	Host netip.AddrPort
	// Target is where in the container it leads.
	Target netip.AddrPort
	// FD is a listening TCP or a bound UDP socket, non-blocking.
	FD int
	// Proxied: Host is IPv6 and Target IPv4, so that the container cannot see the
	// client's address and sees the gateway's.
	Proxied bool
	// Splice: the connections are served here, not by a carrier.
	Splice bool

	alloc             *Allocator
	inherited, closed bool     // closed is guarded by the allocator's lock
	next              *Binding // of the same protocol, family and port; likewise
}

// String returns the line of docker port: "80/tcp -> 0.0.0.0:8080".
func (b *Binding) String() string {
	return fmt.Sprintf("%s -> %v", portKey(b.Target.Port(), b.Proto), b.Host)
}

// Number is the IP protocol's: 6 or 17.
func (b *Binding) Number() uint8 { return number(b.Proto) }

func number(proto string) uint8 {
	if proto == TCP {
		return unix.IPPROTO_TCP
	}
	return unix.IPPROTO_UDP
}

// Activated reports whether the socket was inherited, bound by somebody else.
func (b *Binding) Activated() bool { return b.inherited }

// Wildcard reports whether b takes what is sent to any of the host's addresses.
func (b *Binding) Wildcard() bool { return b.Host.Addr().IsUnspecified() }

// Close frees the port and closes the socket; an inherited one goes back to its
// pool, open. Nobody may use FD any more. A second Close does nothing.
func (b *Binding) Close() error { return b.alloc.release(b) }
