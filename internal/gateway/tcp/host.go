package tcp

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxQueued is how many frames may wait for Send. What is more is lost, as on a
// wire, and sent again.
const maxQueued = 1024

// Host is the TCP of a gateway's addresses. Its methods, and those of its listeners
// and connections, may be called from any goroutine.
type Host struct {
	cfg Config
	key [16]byte // of initial sequence numbers

	mu        sync.Mutex
	closed    bool
	now       time.Time // of the call that is under way
	listeners map[uint16]*listener
	conns     map[pair]*Conn
	clients   map[netip.Addr]int // connections of an address
	half      int                // connections in SYN-RECEIVED
	serial    uint64             // of the last connection
	stats     Stats

	out     [][]byte // frames that wait for Send
	sending bool     // somebody is emptying out
	next    time.Time
	wake    bool // next has become earlier
}

// NewHost returns a host without listeners. It holds nothing that has to be closed
// but its connections.
func NewHost(c Config) *Host {
	h := &Host{
		cfg: c.withDefaults(), listeners: map[uint16]*listener{},
		conns: map[pair]*Conn{}, clients: map[netip.Addr]int{},
	}
	h.makeKey()
	return h
}

// Close resets all connections and closes all listeners. What comes in later is
// ignored.
func (h *Host) Close() {
	h.lock()
	defer h.unlock()
	h.closed = true
	for _, l := range h.listeners {
		l.close()
	}
	for _, c := range h.conns {
		c.abort(net.ErrClosed)
	}
}

// lock begins a call from outside.
func (h *Host) lock() {
	h.mu.Lock()
	h.now = h.cfg.Now()
}

// unlock ends a call from outside, with what it has brought about.
func (h *Host) unlock() {
	h.flush()
	h.mu.Unlock()
}

// busy reports whether there is something for flush to do.
func (h *Host) busy() bool { return h.wake || len(h.out) > 0 && !h.sending }

// flush sends what waits, and lets go of the lock meanwhile. When somebody else is
// at it, the frames are theirs: so they stay in order.
func (h *Host) flush() {
	for h.busy() {
		var run [][]byte
		if !h.sending {
			run, h.out = h.out, nil
		}
		wake := h.wake
		h.wake, h.sending = false, h.sending || run != nil
		h.mu.Unlock()
		if wake {
			h.cfg.Wake()
		}
		for _, b := range run {
			h.cfg.Send(b)
		}
		h.mu.Lock()
		if run != nil {
			h.sending = false
		}
	}
}
