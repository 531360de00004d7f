// Package uplink is the ways out of the switch, and in by published ports.
//
//	gateway --- packets that belong to no network of ours ---> a way out
//
//	socket/   onto sockets of the host: what everybody may do, without any right
//	  tcp/    a TCP connection, mirrored onto a host's socket without a buffer
//	  udp/    a host's socket for each mapping
//	  echo/   pings, by ping sockets
//	leg/      into another network, through a packet-level NAT: a host's TAP device, or
//	          a second network of ours
//	report/   ICMP errors to containers, and what the host's sockets say of errors
//	fragment/ datagrams in fragments: put together for sockets, taken apart for containers
//
// This package has what the rooms below share: what a network is to its way out, what
// they need of the worker that they run on, what a worker's share of a protocol may have,
// and how a connection is shown to people.
//
// # Who runs where
//
// All of it runs on the engine's workers and shares nothing between them: a container's
// frames come by one worker, the one that reads its device, and its connections, their
// sockets and their timers live there. A published port is accepted on that worker too.
// Control asks a worker (engine.Watcher.Do).
package uplink
