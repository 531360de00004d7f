// Package engine moves frames: it reads batches from ports, has them forwarded
// and writes them out, each batch run to completion on one thread.
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
// # Control
//
// Attach and Detach never edit what a worker reads: they swap a table of ports
// and wait until every worker has been outside a batch since. When Detach has
// returned no thread touches the port, and its descriptor may be closed and its
// number used again.
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
