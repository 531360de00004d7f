package report

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Quote is the packet that an error is about, as the container sent it.
type Quote struct {
	// Proto is the transport: frame.ProtoTCP, ProtoUDP, ProtoICMP or ProtoICMPv6.
	Proto uint8
	// Src and Dst are the container's end and the other one as the container named it,
	// of one family. Only their addresses are read: the ports are in Payload.
	Src, Dst netip.AddrPort
	// TOS is the type of service or traffic class.
	TOS uint8
	// TTL is what was left of the time to live; 0 means 64.
	TTL uint8
	// ID is the identification of an IPv4 packet that may be fragmented; 0 stands for
	// one that may not be.
	ID uint16
	// Len is how many bytes followed the IP header; 0 means len(Payload).
	Len int
	// Payload is the transport header and some of what follows it. It is borrowed for
	// the call, and what an error has no room for is not read.
	Payload []byte
}

// Error is what the host says of a packet: an entry of a socket's error queue
// (struct sock_extended_err) or what an errno stands for.
type Error struct {
	// Errno is what the next system call would have returned.
	Errno unix.Errno
	// Origin is unix.SO_EE_ORIGIN_ICMP or SO_EE_ORIGIN_ICMP6 for an error that came by
	// the network, SO_EE_ORIGIN_LOCAL for one of the host's own making.
	Origin uint8
	// Type and Code are those of the ICMP or ICMPv6 error.
	Type, Code uint8
	// Info is the MTU where something was too long, and the pointer in a "parameter
	// problem"; 0 otherwise.
	Info uint32
	// From is who sent the error; the zero Addr for the host itself.
	From netip.Addr
	// Peer is where the packet was sent to. IPv4 addresses are never IPv6-mapped.
	Peer netip.AddrPort
	// Payload is what the error has of the packet: from behind the UDP header, or from
	// the ICMP or TCP header on; nothing where the host made the error. It lies in the
	// buffer that ReadError was given.
	Payload []byte
}
