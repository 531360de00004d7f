// Package offload does in userspace what a network card's offloads do: it reads
// and checks virtio-net headers, brings frames into their VLAN form, finishes
// checksums, cuts super-frames into segments (TSO, USO) and merges segments into
// super-frames (GRO).
//
// # What enters, what leaves
//
//	                    one slot, up to 64 KiB
//	super-frame   | vnet | Eth IP TCP | payload ................. |
//	                                    |       |       |       |
//	Segmenter     | room vnet | Eth IP TCP | -> |  one header block in scratch
//	                                    a slice of the slot, never a copy
//
//	frames        | vnet | Eth IP TCP | payload |   one slot each, in order
//	Coalescer     | vnet | Eth IP TCP | payload | + payload + payload
//	                the first slot, edited in place, then slices of the others
//
// Both sides of a merge and of a cut are gathered lists for one writev or one
// sendmsg: no payload byte moves in userspace.
//
// # Trust
//
// Check stands at the door: a frame whose virtio header does not fit it ends
// there, and everything behind relies on that. A checksum that the sender left
// unfinished is trusted (it never was on a wire); any other is verified before
// its frame is merged or cut, or is carried on arithmetically so that the
// receiver's kernel finds the damage: no damaged segment gets a fresh, valid
// checksum here.
//
// Everything is a pure function of its arguments; there is no I/O and no clock.
// Each Segmenter and Coalescer belongs to one worker thread.
//
// Sources: virtio 1.3 section 5.1.6 (header), Linux include/linux/virtio_net.h
// (what a TAP accepts), net/ipv4/tcp_offload.c, udp_offload.c and af_inet.c (what
// the kernel's GSO and GRO do), RFC 1071, RFC 3168 section 6.1.2, RFC 6864.
package offload
