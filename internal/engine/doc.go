// Package engine moves frames: it reads batches from ports, has them forwarded
// and writes them out, each batch run to completion on one thread. A port is a
// descriptor, or local: a part of the switch itself, such as a network's gateway.
//
// # Threads
//
// A worker is a goroutine locked to its OS thread. A port is read by exactly one
// worker, so frames of one port never overtake each other; it may be written by
// all of them. A worker owns its slots, its batch and one ledger a port, and
// shares nothing that it writes with other workers.
//
//	     epoll or io_uring                              write, one run a port
//	port ------------------> batch -> parse -> Forward ----------------------> port
//	       read until dry             once     verdicts     super-frames whole
//
// # Local ports
//
// What leaves by a local port is served, a run a call, on the thread that carries
// the batch, and what the port has to say to that enters by it right afterwards,
// before the slots of the batch are given back: a frame that goes on to another
// network stays in its slot, with its payload where it was read.
//
//	batch -> parse -> Forward -> write
//	           ^                 serve --> Reply: a frame in a reply slot
//	           |                       --> Reenter: the frame, its headers edited
//	           +---- by a local port ----------+
//
// This goes round until nobody has more to say, and at most eight times: then a
// frame ends with frame.DropTTL. What a local port says unasked is injected: copied
// into a queue of one worker, the same for all frames of the port. A frame that is
// served ends on the port's ledger, one that enters is read there, so the sum over
// all ports holds as ever.
//
// The frames of a local port come by any worker, several at once, in order on each.
//
// # Sources
//
// A source is the other half of a local port that leads out of the switch: sockets
// and timers that a worker watches beside the ports, and tells the source of. It does
// its own reads and writes. What it reads goes straight into a reply slot, with room
// for headers before, and enters by the local port from there:
//
//	Ready -> As the port -> Borrow, read into it, Enter -> Flush -> Borrow ...
//
// Each look for work tells a source once, of all that happened, after every port had
// its turn; Again asks for one more turn. Serve and Ready of one worker never run at
// the same time, so what belongs to one worker alone needs no lock: Serve hands
// payload to the sockets of that worker, Ready brings the rest. What comes by another
// worker is the source's to hand over. Flush has other local ports served, and the
// source's own if a frame comes back to it: a source is in a sound state when it
// calls Flush.
//
// Events are edge-triggered, so the loops need not look at a socket that nobody
// empties. None is told after Unwatch, even if its number is in use again, and none
// is missed (nest says why). A slot that is borrowed and forgotten is put back and
// counted as a stray.
//
// # Control
//
// Attach and Detach never edit what a worker reads: they swap a table of ports
// and wait until every worker has been outside a batch since. When Detach has
// returned no thread touches or serves the port, and its descriptor may be closed
// and its number used again.
//
// # Sleeping
//
// Waking a sleeping thread costs more than forwarding many frames. After work a
// worker therefore polls for a little while, giving its core to whoever wants it
// between two looks, before it sleeps in the kernel. An idle switch sleeps: it has
// no timer and costs nothing.
//
// # Loops
//
// The epoll loop is the reference. The io_uring loop reads by multishot into
// provided buffers and writes in batches; SelfTest moves frames through it before
// it is trusted.
package engine
