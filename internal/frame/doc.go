// Package frame holds what every stage of the data path shares: a frame in its
// buffer, a batch of frames, what one parse finds, the ways a frame can end,
// and views on the headers.
//
// # A frame in its buffer
//
// A slot is a fixed piece of off-heap memory (see Slab). The Ethernet header
// always begins at Headroom when a frame enters; a virtio-net header, when the
// port speaks one, lies in the VnetLen bytes right before it:
//
//	0                       Headroom                             SlotSize
//	| headroom ... | vnet   | Ethernet | payload ...     | slack |
//	               ^ Off-VnetLen       ^ never copied, never moved
//	                        ^ Off      ^ Off+14            ^ Off+Len
//
// An encapsulation prepends in the headroom; a VLAN tag is pushed and popped by
// moving the two addresses (and the virtio header) only. No stage moves payload.
//
// # Who owns the bytes
//
// A Batch belongs to one worker thread. Between Read and the end of the
// forwarding call its frames may be read and their headers edited by the stage
// that holds the batch, and by nobody else. Nothing may keep a slice of a frame
// after that: the slot is filled again.
//
// This package imports the standard library only and does no I/O.
package frame
