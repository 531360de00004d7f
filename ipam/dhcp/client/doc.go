// Package client asks a DHCPv4 server for an interface's address, inside the
// interface's network namespace, over the network.
//
// It is the client of a container that is started with --dhcp: DISCOVER, OFFER,
// REQUEST, ACK, then renewing at half of the lease's time and rebinding at seven
// eighths of it (RFC 2131, section 4.4.5). It configures nothing: the caller gets
// the lease and puts the address onto the interface. Messages are a library's; what
// is here is when to send which.
package client
