// Package tcp mirrors the TCP connections of containers onto sockets of the host,
// without a buffer of its own.
//
//	container                       Shard                      host's socket
//	   SYN  ---------------> open: socket, connect ------------> peer
//	   SYN-ACK, RST, ICMP <- connected, unconnected <----------- answer
//	   payload ------------> from its slot, one send a run ----> send queue
//	   ACK, window <-------- what the socket took, and has room for
//	   super-frame <-------- peeked into a slot, behind headers  receive queue
//	   ACK ----------------> what it acknowledges is consumed -> is emptied
//	   FIN <---------------> shutdown, end of file
//
// To the container the shard is the far end: it answers for any address, and the window,
// the ACKs and the FIN that the container sees follow the socket's. To the peer the host
// is the near end. Everything that TCP does on the long way - congestion control, path
// MTU, loss, pacing - is the host kernel's; on the short way, inside one machine, there
// is next to nothing to do, and that is what is here (RFC 9293, with RFC 5961, 6298, 6528,
// and the window scale of RFC 7323).
//
// # Out
//
// Payload is sent right out of the slot that it was read into; all of a run that belongs
// to one connection in one system call. What the socket takes is acknowledged, once a run.
// The window is what the socket has room for, which is asked when half of the last answer
// is used up, and never taken back (window.go). Should the socket take less than it
// promised, the rest is copied into a stash, and counted (StashedBytes, the ledger's
// CopiedBytes): stashes have 2 MiB a connection and 16 MiB in all. What finds no room there
// is not acknowledged (DropUplinkBusy), and comes again.
//
// A short connection costs little but system calls, so there are few: what only a longer one
// needs is set when it turns out to be one (no delay before the second send, keep-alive),
// and closing is what ends the watch (Watcher.Forget). To a peer on this machine, sockets
// do not pace (near.go).
//
// There is no queue for segments out of order. Between a container and its switch nothing
// overtakes and nothing is lost, as a rule; where it is, the duplicate ACKs that are sent
// at once have the container send again.
//
// # In
//
// The socket's receive queue is the retransmission store. A super-frame of up to 64,240
// bytes is peeked at (MSG_PEEK behind SO_PEEK_OFF) into a slot, behind the place of its
// headers, and enters the network; it stays in the socket until the container has
// acknowledged it, and is then consumed into nothing (MSG_TRUNC). So the peer's window
// follows the container's reading by itself. Three duplicate ACKs, or a timeout of 200 ms
// that doubles, set the peek offset back to where the container waits (Counts.Resent). On
// kernels before Linux 6.9, whose TCP has no peek offset, what is under way is read again
// into a place that nobody looks at, and is 128 KiB at most.
//
// Sockets are watched edge-triggered, since what is peeked at stays and would keep a level
// up. A read that is shorter than asked has emptied the socket, and the next byte comes
// with an edge; that is why an end that an event spoke of is remembered beside the data
// that came with it, and the FIN goes along with the last of them.
//
// The event that ends the connect may be the one that tells of a peer's first words, too.
//
// A connection has a turn of eight super-frames, then the next has one. In a run nothing
// can be flushed, so what a container's ACK makes possible waits for Resume, which
// Watcher.Again asks for.
//
// # What an application can notice
//
// What a container sent is acknowledged when the host's socket has it, not when the peer
// does. Should the host then lose the peer, the container learns of it by a reset, and not
// which of its bytes arrived. That is what every proxy does (ssh -L, slirp4netns, pasta),
// and what an application has to expect that does not wait for an answer. Waiting for the
// peer's ACK instead would halve the throughput, and close the container's window for a
// round trip of the long way.
//
// The other way round: a SYN is answered only when the peer has answered. Refused is a
// RST, no way there is an ICMP error, and no answer is no answer. The peer's reset arrives
// behind what came before it, as far as the container has room for that; the container's
// reset resets the peer. A half-closed connection stays half closed. An urgent byte keeps
// its mark, unless it has to be stashed; while one is ahead from the peer, everything is
// sent step by step (urgent.go). A SYN with other than a usual number of hops left is sent
// on with as many, and answered by the router where they end: traceroute -T works.
//
// # Timers
//
//	SYN-ACK, SYN to a container   1 s, doubled, five times
//	connect without a further SYN 75 s: the container has given up
//	retransmission                200 ms at least, doubled, fifteen times (RFC 6298)
//	zero window                   a probe after as long, doubled up to a minute, for as
//	                              long as the container answers
//	silence                       a probe after two hours (RFC 5382, REQ-5), then every
//	                              75 s, nine times
//	TIME-WAIT                     500 ms, only if the container closed last: the long one is
//	                              its kernel's, or the host's
//
// Whether its peer is there the host asks by itself (SO_KEEPALIVE), once the container was
// silent for two hours or has asked: its keep-alives are answered here.
//
// They lie in one wheel. A deadline that moves out is looked at again when the old one has
// come.
//
// # What is kept
//
// A record of less than 256 bytes a connection, without a pointer, in a slice; its number
// is in the index by the hash of its ends. The socket's events name it by its number and by
// how often that was used, so an event of a socket that is closed finds nobody; and what an
// event announces is only tried. A source has an eighth of all connections for those that
// no peer has answered. An accepted connection of a published port is the same with a SYN
// to the container before.
//
// # What is left out
//
// SACK: the sender of a container that was offered it counts only duplicate ACKs that
// carry it, and there is no queue here whose gaps it could tell. Time stamps: round trips
// are short and measured one at a time, and numbers do not wrap within one. ECN: there is
// no queue here to mark. Delayed ACKs, congestion control and a reassembly queue towards
// the container: see above. Fast Open: the data of a SYN is not taken, and comes again.
package tcp
