// Package nat is a packet NAT: a parsed frame in, the same frame translated and a verdict
// out. It does no I/O, starts no goroutine and reads no clock.
//
//	inside                         Table                          outside
//	10.0.0.2:5000 --Out--> source becomes 192.0.2.1:5000 -------> 198.51.100.7:80
//	10.0.0.2:5000 <------- destination becomes 10.0.0.2:5000 --In-- 198.51.100.7:80
//	10.0.0.2:5000 --Hair-> both, for a destination that is an outer address of ours
//
// # What is kept
//
// A flow is one conversation: an inside, an outer and a remote endpoint (record.go). A
// mapping is what an inside endpoint has outside (mapping.go); with the three cones it is
// one for all remotes, with Symmetric each flow has its own. A forward is a mapping that
// stays, made by SetForwards. Personality says how flows come to their mappings, and whom
// a mapping lets in (RFC 4787, sections 4 and 5).
//
// An outer port is the inside one where that is in range and free, otherwise one drawn
// that nobody can foresee, for UDP of the same parity (ports.go; RFC 4787, REQ-3 and
// REQ-4; RFC 6056). What cannot be given one ends with DropNATPorts.
//
//	TCP, UDP, ICMP echo and timestamp   address and port, or identifier, are translated
//	ICMP errors                         are translated with the packet that they quote,
//	                                    or end with DropNATForged (icmp.go)
//	SCTP                                the address only: its CRC32c covers the ports. One
//	                                    inside host for each remote endpoint and port
//	other protocols                     the address only: one inside host for each remote
//	UDP-Lite, DCCP, AH, IGMP, other     DropUplinkProtocol: the sums of some cover the
//	ICMP                                addresses, the others are for the link
//
// IPv4 and IPv6 are the same code (NAT44, NAT66). Checksums follow by RFC 1624; partial
// ones and super-frames stay what they are. A UDP checksum of zero stays zero. TTL, MTU and
// routes are the caller's.
//
// # Time
//
// A flow ends when it has been idle for its timeout: 2 h 4 min for established TCP, 4 min
// for TCP that opens, has closed or was reset, 30 s for a SYN that nobody answers, 5 min
// for UDP, 30 s for UDP to port 53, 60 s for ICMP, 10 min for the rest (Timeouts). Packets
// from inside keep UDP and ICMP alive; those from outside do so only in flows of forwards.
// Of TCP and of the rest all packets do. A mapping ends with its last flow. No ICMP error,
// and no RST by itself, ends a flow (state.go; RFC 5382, RFC 5508, RFC 5927, RFC 7857).
//
// # Who may call, and what it costs
//
// All methods may be called at once. The packet of a known flow takes no lock and
// allocates nothing: it finds the record's number in an index of atomics (index.go),
// copies the translation out of the record between two looks at its generation
// (record.go), and notes what it has seen by atomic stores: the state only where it
// changes, the time once a second, the counters always. Whatever makes or ends flows
// holds the one lock, looks again, and changes index and record in an order that leaves
// readers with a whole flow or none.
//
// Records lie in blocks of 4,096 without pointers, 128 bytes each; with index, deadline and
// mapping a flow takes about 200. Flows are bounded, in all and for each inside address.
// When a bound is reached a closed or unanswered flow makes room, never an established one
// (evict.go); where there is none, the new flow ends with DropNATLimit.
//
// # Fragments
//
// The first fragment is translated as a packet; the others, known by addresses, protocol
// and identification, get the same addresses. Those that come before the first are copied
// into a bounded store and are handed out by Released when it has come (fragment.go).
//
// # What is left out
//
// Application gateways: FTP's, SIP's and other addresses in payload stay as they are.
// Sequence numbers: a TCP segment of a flow passes whatever its window, since its end
// checks that (RFC 5961), and a RST cannot end the flow anyway. Connections that were open
// before the table was made: their segments end with DropNoFlow. Protocols by which hosts
// ask for mappings (PCP, UPnP). Deterministic port blocks and logs of mappings (RFC 6888).
// IPv6 packets with a routing header that is not used up, or an authentication header
// (DropIPv6).
//
// Sources: RFC 4787, 5382, 5508, 7857 (behaviour), 6056 (ports), 1624 (checksums), 1858 and
// 5722 (fragments), 5927 (ICMP attacks), 6146 section 3.5.2 (TCP states).
package nat
