// Package dns is the name server of the switch: it knows the names of containers
// and asks the host's resolvers for everything else, as Docker's embedded server
// does.
//
// # What enters, what leaves
//
// One DNS message enters Answer, with the View of whoever asks; one message
// leaves, or none. Messages come in by three ways: a packet socket and a listener
// that the caller has opened inside a container at 127.0.0.11 (ServePacket,
// ServeStream); a listener of a gateway (ServeStream); and as bytes from a
// gateway's packet path (Handle, or Local where nothing may block).
//
// A query passes these steps, and the first that applies makes the reply:
//
//	parse    short, or itself a reply: nothing; malformed: FORMERR; an opcode but
//	         QUERY: NOTIMP; EDNS of a version but 0: BADVERS; a class but IN, or a
//	         zone transfer: REFUSED                                  (query.go)
//	names    A and AAAA of a known name: its addresses, none of them for the other
//	         family; MX of one: empty; PTR of a known address         (local.go)
//	ndots    one label, where the asker's resolv.conf sets ndots: empty, so that
//	         the search list gets its turn
//	inside   only internal networks: SERVFAIL
//	forward  up to three servers one after the other; SERVFAIL, REFUSED, silence
//	         and errors lead to the next; none left: SERVFAIL         (forward.go)
//
// # Names
//
// The name of a container is looked for, whatever its case, on the asker's
// networks in their order; then with what follows a dot taken as the name of one
// of these networks ("web.net1", "a.b.net1"), the longest container name first. The
// first network with addresses answers, with all of them, shuffled. A name below a
// network's name that nobody has, an address of our own subnets that nobody has,
// and all other types, also of known names, are forwarded: Docker does so, and
// somebody outside may know them.
//
// # What is kept
//
// Zone holds the records, in maps under a read-write lock. The server holds counters
// and how many queries are being forwarded: for all, and for each asker, so that
// one container cannot take the others' share. Nothing is cached: the host's
// resolver does that. A socket costs one goroutine and two kilobytes; a goroutine
// more exists for each query that waits for somebody else.
//
// # Timers
//
// A server is given four seconds, less than the five after which the C library
// asks again. A connection without a query is closed after ten. resolv.conf is
// looked at when a query is forwarded, at most once a second.
//
// # Against false answers
//
// Each query that is forwarded has a socket of its own, connected, so with a port
// that the kernel chooses, and an identifier of its own; a reply has to repeat the
// identifier and the question (RFC 5452). Options of EDNS concern one hop and are
// not passed on; DO, AD and CD are.
//
// # What is left out
//
// Caching, DNSSEC validation, SRV records of services, zone transfers, DNS over
// TLS, and names with a dot inside a label, which the codec cannot represent
// (FORMERR). Loops through foreign servers are not detected, only bounded.
//
// Standards: RFC 1034 and 1035, RFC 2181 (truncation), RFC 3596 (AAAA, ip6.arpa),
// RFC 4343 (case), RFC 5452 (resilience), RFC 6891 (EDNS), RFC 7766 (TCP), RFC 9715
// (size of datagrams), resolv.conf(5).
package dns
