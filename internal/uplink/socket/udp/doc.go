// Package udp carries containers' datagrams by sockets of the host: an unconnected
// socket for each container's end that speaks, in place of a NAT's public port.
//
// # What enters, what leaves
//
//	container's datagram -> Take -> session -> sendmsg             (out.go, send.go)
//	a fragment of one    -> Take -> message -> whole -> sendmsg    (fragment.go)
//	socket is readable   -> Ready -> recvmmsg -> session -> frame  (in.go, enter.go)
//	socket has an error  -> Ready -> error queue -> ICMP error     (errors.go)
//
// Payload is sent from the slot that it was read into, and received into the slot that
// enters, behind the room for its headers. Super-frames stay super-frames in both
// directions (UDP_SEGMENT, UDP_GRO), and datagrams of one form that follow one another in
// a run are made one. A question and its answer take two system calls beside the waiting:
// a sendmsg and a recvmmsg that was offered two slots and filled one, so that the socket
// is empty.
//
// # What is kept
//
// A mapping for each container's address and port, with a socket bound to a free port
// that all remote ends see: mapping is endpoint-independent (RFC 4787, REQ-1), and two
// containers never share a port (REQ-3). A session for each remote end of a mapping, for
// the filter, tables and timers. At most 4096 sessions a mapping: the next one takes the
// place of one that nobody has answered, or of the one that was silent longest; the
// mapping stays, and so does the port. The last eighth of a shard's sessions is for
// mappings that have none. All records are without pointers, in slabs.
//
// Who may answer is the network's (uplink.Filter; section 5): a session's peer, whoever
// has the address of one, or everybody. What the filter stops is booked as a frame that
// came in by the gateway's port and ended there.
//
// # The port outside
//
// It is not the container's. Every service of the host has a port that a container may
// use as well, and a socket that holds it for a container takes it from a service that
// starts later. REQ-4 recommends to keep a port's parity for RTP without "a=rtcp"; it
// would cost two sockets on average for every name that is asked for, and is not done. Who
// needs the same port publishes it: what a container sends from a published port leaves
// by that port.
//
// # Published ports
//
// Open watches a bound socket that is the caller's. A client is a session like any other
// and is seen by its own address and port. Where that cannot be, the gateway stands for
// it (uplink.Net.Client): by the client's port, or by a free one where another client of
// that mapping has it or it is below 1024, which are the gateway's own. Answers leave by
// the same socket, from the address that was asked (IP_PKTINFO, IPV6_PKTINFO). Answers to
// the gateway's address belong to Take; what belongs to no client there ends as
// no-service.
//
// # Headers
//
// The time to live of what leaves is the host's, as a new packet's, unless the container
// chose one that no host begins with: then it is one less, and traceroute works. DSCP and
// ECN pass in both directions. What came whole leaves whole, by a socket that is told not to
// fragment: a path that is too narrow is told to the container, with its MTU. What came in
// fragments, or without DF, is fragmented by the host. A partial checksum is right, any
// other is verified; only IPv4 knows datagrams without one. What comes in has a partial
// checksum, and enters in fragments where the network's MTU wants it.
//
// # Errors
//
// The host's kernel keeps ICMP errors for each socket (IP_RECVERR), with the datagram's
// destination and its first bytes. That is the session, and of it the container's own
// datagram is rebuilt for the quote. An error that is pending makes the next call on the
// socket fail, whoever it is for: that call is repeated.
//
// # Timers
//
// 300 s with traffic both ways (REQ-5c), 120 s without an answer (the least of REQ-5), 30 s
// for a name that was asked for and 20 s after the answer (REQ-5a: a well-known port's
// protocol), 30 s for a client of a published port that gets no answer. Both directions
// refresh (REQ-6), but not what comes from an end that the container never sent to. A
// mapping ends with its last session.
//
// # What is left out
//
// Multicast and broadcast. IPv6 extension headers before a fragment header. Two
// fragments with the same bytes: the second is an overlap. IPv4 options, flow labels.
//
// Standards: RFC 768, RFC 791, RFC 8200, RFC 1122, RFC 4787 (NAT behaviour), RFC 5722
// (overlaps), RFC 6864 (identification); ip(7), ipv6(7), udp(7).
package udp
