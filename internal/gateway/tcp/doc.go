// Package tcp is a small passive TCP for the services that a gateway offers to the
// stations of its network: bytes go in, frames come out, and the service sees a
// net.Listener with net.Conns.
//
// # What enters, what leaves
//
// A segment enters Host.Input as the Ethernet frame that it came in. Super-frames
// are welcome: nothing here counts segments. What it brings about leaves by
// Config.Send, a whole frame each, with full checksums and to the MAC that the
// segment came from:
//
//	read     Ethernet, IP, TCP taken apart                           (segment.go)
//	demux    a connection; a listener that a SYN is for; else a RST  (input.go)
//	open     limits, the SYN-ACK                                     (open.go, limit.go)
//	arrive   sequence, RST, SYN, ACK, text, FIN, in this order       (arrive.go)
//	receive  put in order, window                                    (receiver.go)
//	send     window, congestion, retransmission        (sender.go, congestion.go, rtt.go)
//
// A service reads and writes on its own goroutines (stream.go, deadline.go), which
// send as well.
//
// # Locks and time
//
// One lock guards a Host with all its connections. Send and Wake are called when it
// has been let go of: frames wait in a queue and leave it in order, one caller at a
// time. There is no goroutine and no timer. The caller ticks: NextTimer says when,
// Wake that it may be earlier now. Deadlines of connections are such timers too.
//
// # What is kept
//
// A connection that waits for its handshake costs a few hundred bytes. An open one
// has at most 32 KiB that came in order, as much that came out of order in at most
// 64 pieces, and 64 KiB on the way out; empty buffers are let go of. Limits bound
// connections in all, of one address, and half-open ones. Where one is reached, the
// oldest that waits in TIME-WAIT or for its handshake makes room, so that a flood of
// SYNs drives out itself and nothing that is open. Who is over a limit is refused
// with a RST: to see it at once is better for a resolver than to wait.
//
// # Timers
//
// The link is a switch in the same process, so a round trip takes well under a
// millisecond. The retransmission timeout begins at 200 ms and is never below: RFC
// 6298 wants a second, for paths on which the peer's delayed ACK and the path itself
// are slow. Linux has this minimum too, and delays its ACKs by 40 ms. A handshake is
// given up after 5 retransmissions (12.6 s; it is cheap to begin again, and a place
// is held meanwhile), everything else after 8 (102 s, the R2 of RFC 1122). A zero
// window is probed for as long as the peer says something.
//
// A connection on which nothing was heard for Config.Idle is reset. One that was
// closed has 30 s to bring out what is left, then 10 s for the peer's FIN. TIME-WAIT
// takes 2 s, twice a generous lifetime of a segment on such a link: the time is for
// the peer's repeated FIN, which comes after its own timeout. A SYN that is newer
// than all that came before opens the connection again at once (RFC 9293, section
// 3.6.1).
//
// # Against strangers
//
// Initial sequence numbers are those of RFC 6528. A RST counts only at exactly the
// next byte; others in the window, a SYN, and ACKs for what was not sent are
// challenged (RFC 5961), at most twice a second each connection, and probes of our
// window are answered at most ten times a second, so that no two stacks can
// acknowledge each other as fast as they can.
//
// # What is left out
//
// Active open, window scaling, time stamps, selective acknowledgement, ECN, urgent
// data (it is delivered in its place), delayed acknowledgement and Nagle's algorithm
// (services write whole messages), keep-alives, path MTU discovery (the MTU is that
// of the network, and nothing is behind it), data on a SYN, which is taken when it
// comes again, and the restart of slow start after idle time.
//
// Standards: RFC 9293 (TCP), 1122, 5681 and 6928 (congestion), 6582 (NewReno), 6298
// (timeout), 5961 and 6528 (blind attacks), 2525 (2.17, a reset for what nobody reads).
package tcp
