// Package echo carries the echo requests of containers out by sockets of the host, and
// what answers them back: ICMP (RFC 792) and ICMPv6 (RFC 4443), so that ping, traceroute
// -I and mtr work.
//
//	container --echo request--> Take --sendmsg--> socket of the host --> world
//	container <---echo reply--- Ready <-recvmsg--       |
//	container <--ICMP error---- report <--error queue---+
//
// # Ways out
//
// Ping sockets (SOCK_DGRAM, IPPROTO_ICMP and IPPROTO_ICMPV6) need no right but that a
// group of the user is in net.ipv4.ping_group_range, which is one setting for both
// families. Where they are closed, raw sockets need CAP_NET_RAW over the host's network
// namespace, which root has and an ordinary user's switch has not. Where both are closed
// there is no way out, and containers are told that it is prohibited. New finds out what
// is open; what was closed is tried again once a minute when somebody asks for it. Probe
// says the same to people.
//
// # Flows
//
// A flow is an identifier of a container. It has an identifier of its own on the wire,
// so that two containers may use the same: with ping sockets the kernel's choice and a
// socket of its own, with raw sockets the shard's (line.go). Answers get the container's
// identifier back; sequence number and payload are kept. Whom the container asks is no
// part of the flow: one socket serves fping's thousand hosts. So an answer may come from
// anybody who knows the identifier, as it may at a host that is connected directly; the
// container's program compares the sender. A flow ends when nothing has passed for 60
// seconds (RFC 5508, REQ-1).
//
// # What is kept of a packet
//
// The payload goes from the frame's slot into sendmsg, and from recvmsg into a slot right
// behind where the headers will be. Hops, less one as by a router, type of service and
// the "don't fragment" of IPv4 go along in both directions. So a request whose hops end
// on the way causes its "time exceeded", which comes by the error queue (IP_RECVERR) and
// is told to the container about its own request. A request that is too long for the
// path is told by its MTU.
//
// What is longer than the network's MTU is copied, and booked: requests that a container
// sends in fragments are put together (reassemble.go) and leave in fragments of the
// host's making, and answers enter in fragments.
//
// # What is left out
//
// A socket can send an echo request and nothing else. Every other ICMP message from a
// container ends here as uplink-protocol: time stamps; echo replies to nobody; errors, by
// which a container would tell a client of a published UDP port that nobody listens
// there: no socket can send one, and the client hears nothing. IPv4 options do not go
// along, nor do extension headers and flow labels of IPv6.
package echo
