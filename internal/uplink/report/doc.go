// Package report tells a container what became of what it sent: it makes ICMP errors
// of what the host says of its sockets.
//
//	error queue of a socket --ReadError--+
//	                                     +--> Error --Limiter.Send--> ICMP error --> network
//	errno of connect, sendmsg --Local----+      + Quote
//
// # What the host says
//
// With IP_RECVERR or IPV6_RECVERR set, the kernel keeps for a socket every ICMP error
// about a packet that the socket sent, and the errors of its own making, a datagram that
// is longer than the path's MTU for one (ip(7), ipv6(7), include/uapi/linux/errqueue.h).
// An entry has the error's type, code and third field, who sent it, to whom the packet
// went, and what the error quoted of it, from behind the UDP header, or from the ICMP or
// TCP header on. Who has read the queue to its end has also cleared the socket's pending
// error, which the next system call would have returned in place of doing its work.
//
// # What the container is told
//
// A container's kernel gives an error to the socket whose packet it quotes. The packet
// that the host's error quotes is the host's: its addresses and ports are not the
// container's. So the quote is built anew, from what the caller knows of the flow (Quote):
// IP header, transport header and as much of the payload as there is and fits into 576
// bytes (RFC 1812, section 4.3.2.3) or 1280 (RFC 4443, section 2.4). Type and code stay
// as they are. Where the socket is of the other family than the container they are
// translated as RFC 7915, sections 4.2 and 5.2, says, the MTU with them.
//
// The error comes from who sent it, so that traceroute shows the path, if that is an
// address that a packet can have on the container's network. Where it is not, it comes
// from the destination if that is what refused, and from the gateway otherwise.
//
// There is never an error about an ICMP error, nor about what went to a group (RFC 1122,
// section 3.2.2). A network that breaks down must not become a flood of errors in
// another: a Limiter, one a shard, lets 1000 a second pass.
//
// # What is left out
//
// The extensions of RFC 4884 (MPLS labels, interfaces) are not passed on: the lengths of
// the quotes differ. Redirects and source quenches are none of a container's business; the
// kernel does not queue them either.
package report
