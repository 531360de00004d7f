package uplink

import (
	"net/netip"
	"time"
)

// Flow is a connection, for people.
type Flow struct {
	Network string
	// Proto is "tcp", "udp" or "icmp".
	Proto string
	// State is TCP's ("SYN_SENT", "ESTABLISHED", ...), or "UNREPLIED" and "REPLIED".
	State string
	// In says that it was opened from outside, by a published port.
	In bool
	// Inside is the container's end, Remote the other as the container sees it.
	Inside, Remote netip.AddrPort
	// Host is the host's own end, Peer the other as the host sees it.
	Host, Peer netip.AddrPort
	// What the container sent, and what it was sent.
	TxPackets, TxBytes, RxPackets, RxBytes uint64
	// Idle is how long ago anything passed, Timeout after how long it ends for that; 0
	// for never.
	Idle, Timeout time.Duration
}

// Counts are what a way out counts, beside the reasons in the ledgers of ports.
type Counts struct {
	// Flows is how many there are, Opened and Closed how many there were.
	Flows, Opened, Closed uint64
	// Refused counts connections that the far end refused, Failed those that the host
	// could not open, Limited those that were one too many.
	Refused, Failed, Limited uint64
	// Exhausted counts how often the host had no socket, descriptor or port to give.
	Exhausted uint64
	// StashedBytes counts payload that had to be copied because a socket took less than
	// its window had promised, Resent what was sent to a container a second time.
	StashedBytes, Resent uint64
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Flows += o.Flows
	c.Opened += o.Opened
	c.Closed += o.Closed
	c.Refused += o.Refused
	c.Failed += o.Failed
	c.Limited += o.Limited
	c.Exhausted += o.Exhausted
	c.StashedBytes += o.StashedBytes
	c.Resent += o.Resent
}
