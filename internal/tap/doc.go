// Package tap makes and opens TAP devices: the ports of containers.
//
// # How a device is opened
//
// A device belongs to the network namespace in which /dev/net/tun was opened,
// but its descriptor works from anywhere: it is opened on a thread that enters
// the namespace and ends. Package water opens the queue. It cannot ask for a
// virtio header, but a queue inherits what its device has, so a seed queue sets
// the device up first:
//
//	seed    IFF_TAP|IFF_NO_PI|IFF_VNET_HDR|IFF_MULTI_QUEUE, then the offloads
//	water   attaches a second queue to the same name; it has the header too
//	seed    is closed: water's queue is the only one
//
// # What crosses the descriptor
//
// One read gives one frame and one write takes one, each behind a virtio header
// of frame.VnetLen bytes. With TSO granted, a frame is a super-frame of up to
// 64 KiB whose checksum is still to be completed; it goes through as it is.
//
// # The queue
//
// What a container sends waits in a ring of txqueuelen frames. When that is full
// the kernel drops in the sender's context, without a word to anybody: the
// device's tx_dropped tells (Device.RingDrops). There is no other queue: the
// default queueing discipline, made once for each of 256 transmit queues, is
// replaced by none.
package tap
