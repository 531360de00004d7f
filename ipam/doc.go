// Package ipam manages addresses: which subnet a network gets, and which address
// of it a container. It holds data only: no file, no socket, no clock, no
// goroutine.
//
// # What enters, what leaves
//
// A Space hands out subnets. A network that asks for none in particular gets the
// lowest predefined one that is free (Allocate, Allocate6); one that a user gave is
// taken as it is, or refused with a proposal (Claim). A Pool hands out the
// addresses of one subnet: the lowest free one (Next) or a certain one (Request).
// The rules are Docker's, so that a tutorial written for Docker shows the
// addresses that appear here:
//
//   - the network and the broadcast address of an IPv4 subnet belong to nobody,
//     except in a /31 (RFC 3021) and a /32; in IPv6 the first address is the
//     subnet-router anycast address (RFC 4291, 2.6.1);
//   - the gateway is an ordinary address: the one asked for, or the first free one;
//   - a range narrows down the choice of Next only. It reserves nothing, and the
//     gateway is chosen from it;
//   - an address that was released is free at once, and the next to be given when
//     it is the lowest.
//
// # What is kept
//
// A Pool keeps a bit for each taken address, in words of 64 that exist only where
// an address is taken, and the runs of full words. So a /16 that is full and a /64
// with three addresses both cost little, and finding the lowest free address takes
// a binary search over those runs. A Space keeps the subnets in use with the names
// of their owners. Both are safe for concurrent use.
//
// # Timers
//
// None: addresses here are held until they are released. Leases are the business
// of package dhcp.
//
// # What is left out
//
// Storing. Who keeps networks and containers gives their addresses back with Claim
// and Request after a restart. Reading the host's routes and name servers is the
// caller's part, too: they are arguments.
//
// Standards: RFC 1918 and RFC 4193 (private addresses), RFC 3021 (/31), RFC 4291
// (IPv6 addressing), RFC 6890 (special addresses).
package ipam
