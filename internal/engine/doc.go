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
