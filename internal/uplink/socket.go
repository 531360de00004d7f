package uplink

import "encoding/binary"

// ShardConfig says what a worker's share of one protocol of the way out by sockets may
// have.
type ShardConfig struct {
	// Watch watches its sockets. Keys are the shard's, from 0 to 1<<28.
	Watch Watcher
	// Worker is the number of its worker. Those of a process differ modulo 8.
	Worker int
	// Seed is a secret of the process.
	Seed uint64
	// MaxFlows bounds the connections of the shard; 0 means what suits the protocol.
	MaxFlows int
	// Budget is what a connection costs its container; nil for none.
	Budget *Budget
	// Now is the worker's time to begin with, in nanoseconds, of the clock that
	// Outbox.Now reads.
	Now int64
}

// NetPort returns a port as it lies in memory in network byte order, and back, for
// sockaddr_in and sockaddr_in6.
func NetPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
