// Package fragment takes datagrams of IP apart and puts them together (RFC 791, section
// 3.2; RFC 8200, section 4.5), for ways out by sockets: a socket takes a datagram whole
// and gives it whole, and the network's MTU may be shorter.
//
//	a container's fragment --Read--> Piece --Datagram.Add--> Datagram.Whole --> a socket
//	a socket's datagram ----Header.Enter----> fragments into the container's network
//
// A Datagram is memory for one, with a bit for each 8 bytes that have come. Fragments
// come in any order. One that overlaps another ends a datagram (RFC 5722; for IPv4 there
// is no use for one either), and so does one that contradicts where the datagram ends.
// All that is put together or enters in fragments is a copy of its bytes.
//
// # What is left to the caller
//
// How many datagrams are under way and who gives way to a new one, how long each is
// waited for, how long it may be, and whether the same fragment may come twice. Nothing
// here has a clock or a lock; all of it belongs to one worker.
//
// # What is left out
//
// Extension headers of IPv6 before the fragment header, or behind it: they would have to
// be kept.
package fragment
