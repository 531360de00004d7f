// Package socket is the way out that everybody has: onto sockets of the host, without
// any right over the host's network and without a change to it.
//
//	container's packet --> Take --> tcp   a connection's socket, connected
//	                           \--> udp   a mapping's socket, bound
//	                           \--> echo  an identifier's ping socket
//
//	a socket has something --> Ready --> a frame from the gateway to the container
//	a listener has a client -> accept -> tcp: a SYN from the client's address
//
// A Shard is a worker's share of it, with the connections of those containers whose
// devices that worker reads, and the published ports that lead to them. It is called on
// the worker's thread only and has no lock. What spans workers is the caller's: which
// shard a container belongs to, and asking all of them for a table.
//
// # Timers
//
// One timerfd a shard stands for the timers of all protocols. It goes off when the
// earliest deadline has come, or before, when there is traffic; only then is looked for
// the next (timer.go). It is not moved when that goes further away: then it goes off for
// nothing, once. A shard without connections has no timer.
//
// # Running out
//
// A connection too many for its container or for the worker, and one that the host has
// no descriptor or port for, is refused at once (reset, or ICMP) and counted. A client
// of a published port that there is no descriptor for is accepted with one that is kept
// for that and reset, so that it learns of it, and the listener has room for the next
// (accept.go). Of running out the owner is told once a minute.
//
// # Answers out of turn
//
// What a socket has is carried into the network at once, and what the network answers by
// itself comes back while the connection is being served. It is kept for a moment
// (later.go): no protocol is called while it is at work.
//
// # What is left out
//
// Protocols that an ordinary user has no socket for (SCTP, GRE, ESP, ...), broadcasts
// and multicast groups. They end as uplink-protocol, and the sender is told.
package socket
