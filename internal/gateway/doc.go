// Package gateway is a network's router: a port of the switch that is made of code.
// Bytes go in, bytes come out; it does no I/O, has no goroutine and no clock.
//
// # What enters, what leaves
//
// Frames that leave the switch by the gateway's port enter Serve in runs, on a
// worker's thread. Each ends here with a reason, or goes on to another port:
//
//	ARP, ND      answered for the gateway and the neighbours    (arp.go, ndp.go)
//	IP           header and source are checked                  (input.go)
//	  to a gateway: echo, services, refusals                    (local.go, echo.go)
//	  to others:    the same network, a routed one, the uplink  (route.go, outward.go)
//	  to nobody:    ICMP errors                                 (icmp.go)
//
// Answers are new frames that enter the network by the gateway's port, to the MAC
// that asked. A routed packet is edited in its slot (MACs, hops, checksum by RFC
// 1624) and enters the other network by that one's gateway port; a super-frame stays
// one. Frames come to the gateway untagged, and also those that the switch floods:
// what is for another MAC, and broadcasts that mean nothing here, are consumed.
//
// # Who answers for whom
//
// The gateway answers when somebody asks for a neighbour that it was told of
// (SetNeighbour), so that the question need not be flooded, and never tells a
// station about its own address. Where containers must not reach each other
// (Config.NoICC) it names itself instead, and what is then sent ends here. All of a
// switch's gateways are reached from all its networks. Other networks are not, and
// say nothing, unless Config.Routed4 or Routed6 lets ICMP in, or everything from a network that
// is routed as well. There is no state of connections: back from a routed network
// come echo replies and errors.
//
// # The way out
//
// What belongs to no network of the router is given to the Uplink, all of a run in one
// call, and with it what comes to a gateway's address for no service: a client that the
// gateway stands for, or a published port, may be meant. The uplink says how each packet
// ends, and the gateway tells the sender. What comes back through a NAT of ours enters
// by Deliver.
//
// # What is kept
//
// The configuration is an immutable snapshot behind a pointer, the Router's table of
// prefixes another; control calls swap them. The neighbour table is read without a
// lock. Token buckets of one word each bound the requests to services by ingress
// port, and the ICMP errors by ingress port and by network. Sixteen echo requests in
// fragments may be under way in a router, for two seconds each. All of it is of
// fixed size but for the neighbours, which only control adds. No frame makes
// anything be allocated, fragments excepted.
//
// # What is left out
//
// Fragments are put together for echo requests only, and only in order
// (reassemble.go); the answer to one that is longer than the Outbox has room for, in
// fragments, ends as service-busy. An IPv4 packet that is too big for the next network
// is refused with "fragmentation needed" also when it may be fragmented: RFC 1812 would
// have it cut, but all hosts have done path MTU discovery for long. Redirects are
// not sent. IPv4 source routes and IPv6 routing headers with segments left are not
// followed. IPv6 addresses of neighbours, link-local ones too, are not learned here.
// Router advertisements, DHCP and DNS are services, made elsewhere. The checksum of a
// packet that is quoted in an error is as it came: partial where the sender left it
// to the device.
//
// Standards: RFC 826, 5227 (ARP), 4861, 4862, 6980 (ND), 792, 4443 (ICMP), 1122, 1812
// (what a router does), 2644, 2827 (what it does not forward), 9293 (resets), 8200.
package gateway
