// Package portfwd publishes ports: it reads what a user asks for, decides who has
// which host port, makes the host sockets, and carries connections itself in one of
// the two modes.
//
// # What enters, what leaves
//
// The arguments of Docker's -p enter, or the same in the form of Docker's API. They
// become Specs (ParseSpec, FromBindings), each of which a Table turns into a
// Publication: one host socket for each address that the Spec means.
//
//	-p 8080:80  -> Spec -> Allocator -> Binding 0.0.0.0:8080 -> Carrier, or Splicer
//	                                    Binding    [::]:8080
//
// Ports are Docker's: no address given means one socket for each family with the
// same number; no port given means the next one of the host's dynamic range after
// the last that was handed out; a range for one container port means its first free
// port. All sockets of all Specs of one call are had, or none.
//
// # Two modes
//
// In the source-preserving mode the socket is all that is made here. A Carrier, which
// is the uplink, accepts or receives on it, and makes frames of that in which the
// client's address is the source. That is the mode for UDP, always.
//
// In splice mode, which is for TCP, a Splicer accepts, connects to the container's
// own address from inside its namespace, and has the kernel move the bytes through a
// pipe (splice(2)). Nothing of it is a packet in the switch, so it is as fast as
// loopback and the client's address is lost: the container sees its own. A program
// that listens only on the container's 127.0.0.1 is not reached, as with Docker.
//
//	client == host socket -> pipe -> socket in the namespace == container
//	                      <- pipe <-
//
// Ends and resets are carried over, each way by itself. A reader that takes nothing
// leaves its direction's pipe full; then the other side is not read and its sender
// waits. One thread accepts for all ports, and a few carry all connections, each run
// to completion as in the engine; an idle connection has no pipe and no goroutine.
//
// An IPv6 host address leads also to a container that has only IPv4. The client's
// address cannot be kept there; such a Binding is Proxied.
//
// # What is kept
//
// A Binding for each host socket, found by protocol, family and port: 0.0.0.0:P
// meets every x.x.x.x:P of its family, two different addresses do not meet. A bit for
// each port that is published on all addresses, for the packets that a container
// sends to its gateway's address (Table.Wildcard). No goroutine and no buffer a port.
//
// Sockets that were bound for us beforehand (Pool) stand in for low ports, which an
// ordinary user may not bind. They are never closed by a publication.
//
// # Timers
//
// Connecting to a container ends after SpliceConfig.DialTimeout. TCP's own keep-alive
// finds clients and containers that have vanished. Nothing else here waits.
//
// # What is left out
//
// Storing: after a restart the same Specs are published again, each with the port
// that it had (Spec.At). UDP flows and their timers are the carrier's. SCTP: the
// grammar knows it, and ParseSpec refuses it.
//
// Sources: Docker's documentation of publishing ports and its grammar
// (docker/go-connections); splice(2), socket(7), ip(7), ipv6(7), sd_listen_fds(3); RFC
// 6335 (dynamic ports), RFC 9293 (half-closed connections, resets).
package portfwd
