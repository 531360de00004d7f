// Package dhcp tells the stations of one network their addresses: a DHCPv4 server,
// a DHCPv6 server and a router that advertises itself.
//
// # What enters, what leaves
//
// Serve4, Serve6 and Solicit take the frame of a request, copied out of its slot,
// and return the frames of the answer, whole and untagged, which the caller injects
// as if they came in by the gateway's port. There is no socket, no goroutine and no
// clock: time is an argument. The rest of the process is reached by functions of
// Config: who is behind a port (Owner), is an address in use (InUse, Probe), what
// became of a lease (OnLease, before the client hears of it, so that a lease that
// could not be saved is never promised).
//
// # What is kept
//
//	book      the leases by client, by address and by the time of their end
//	memory    who last had which address, so that a client gets its own again and
//	          a new one gets an address that nobody had lately
//	reserved  addresses that wait for one client
//
// The addresses themselves are in a Pool that static allocation shares. An address
// is taken from it when it is offered, and given back when the lease ends; what is
// remembered of it afterwards holds nothing.
//
// # The life of a lease
//
//	        DISCOVER, SOLICIT         REQUEST
//	(pool) ------------------> offered --------> bound --+
//	  ^          30 s passed |               T1, T2 | ^--+ renewed
//	  +----------------------+                      |
//	  +------- RELEASE, expiry, port gone ----------+
//	  +<------ declined, for ten minutes <-- DECLINE, a probe that was answered
//
// A client is known by its client identifier, and by its hardware address where it
// gives none; in DHCPv6 by DUID and IAID. Where a container is known behind the
// port, its name is part of that: no container can speak for another's lease by
// using its identifier.
//
// The server is the only one of its network, so it is authoritative. A client that
// it has no record of and that asks for an address of its own, as after the loss
// of the lease file, gets it if it is free and otherwise a NAK, rather than the
// silence of RFC 2131, section 4.3.2, which would leave it waiting.
//
// # Is the address free?
//
// RFC 2131, section 3.1, has a server probe an address that it gives to somebody
// else than before. InUse is asked about every address and must answer at once,
// from a neighbour table. Probe begins a real probe, and only for an address that
// another client had within memory: the offer is held, and leaves when the caller
// hands in the result (Probed) or when the client asks again half a second later.
// So the usual request is answered in the call that brings it, and the goroutine
// that serves all ports never waits for one. In DHCPv6 it is the client that probes
// (RFC 8415, section 18.2.10.1).
//
// # Timers
//
// Expire ends what is over; NextExpiry says when that will be. Advertise sends the
// periodic router advertisement; NextRA says when the next is due. Each Serve call
// expires first, so that a late timer never gives a client a dead lease.
//
// # What a hostile port can do
//
// It can ask with its own hardware address only, hold Owner.MaxLeases leases, offers
// and declined addresses together, and be answered once a request. Every message is
// checked before the codec sees it; lists of domains and other options that nobody
// here needs are never decoded. Requests through relays are refused, since a
// network ends at its gateway; messages of servers are ignored.
//
// # What is left out
//
// Relay agents, option overload, BOOTP, authentication, forced renewal and
// reconfigure, prefix delegation and temporary addresses (refused with their status
// codes), dynamic DNS updates (OnLease registers names).
//
// Standards: RFC 2131 and 2132 (DHCPv4), 3396 (long options), 4039 (rapid commit),
// 4361 (client identifiers), 6842 (their echo), 3397 (domain search); RFC 8415
// (DHCPv6), 3646 (DNS), 4704 (names); RFC 4861 (router advertisements), 4862, 8106
// (DNS in them).
package dhcp
