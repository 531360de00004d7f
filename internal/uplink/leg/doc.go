// Package leg is a way out into another network: our foot there, an address with a
// packet-level NAT in front of it. A host's TAP device is such a network, and so is a
// second network of ours, which is how one can watch a NAT rewriting headers.
//
//	inside                          |                           outside
//	gateway --Take--> nat.Out, hops, MACs of the next station --Reenter--> our port
//	container <--Inside-- nat.In <--------------------------------- Serve <-- our port
//	container <--Inside-- nat.Hair <--Take, to our own address: a forward
//	                    Rest <-- what no flow knows: ARP, pings of our address, refusals
//
// Frames are edited in their slots and go on as they are; a super-frame stays one. What
// was kept of a datagram in fragments is entered as a copy, and booked as that.
//
// What is left out: an error to a sender outside whose packet does not fit inside. TCP's
// segments are made to fit by the MSS of its SYNs (nat.Config.MSS).
//
// Standards: RFC 1812 (hops), 3022 (traditional NAT), 4787, 5382, 5508 (package nat).
package leg
