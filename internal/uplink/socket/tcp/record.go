package tcp

import (
	"net/netip"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
)

// record is a connection. It has no pointer, so that a million of them cost the
// garbage collector nothing. Sequence numbers of the container's bytes are rcv..., of
// those that the host's socket has for it snd..., as RFC 9293 names them from here.
type record struct {
	key
	insideMAC, gateway frame.MAC
	port               frame.PortID // of the gateway
	hash               uint32
	fd                 int32 // -1: closed already
	flags              flags
	state              state
	gen                uint8 // how often the number was used, modulo 256

	sndShift, rcvShift uint8 // of windows: what the container announces, what is announced to it
	mss                uint16

	// From the container to the socket. rcvNxt is what is acknowledged: the socket has
	// all before it, or the stash. rcvEdge is what the container was promised.
	rcvNxt, rcvEdge uint32
	// credit is what the socket had room for when it was last asked.
	credit uint32

	// From the socket to the container. Bytes before sndUna are acknowledged, those
	// before taken gone from the socket; sndNxt is where its peek offset stands, sndMax
	// the highest that it ever was.
	sndUna, sndNxt, sndMax, taken uint32
	sndWnd, maxWnd, wl1, wl2      uint32
	fin                           uint32 // of the FIN, once flagEOF
	recover                       uint32 // sndMax when duplicates had the offset rewound

	next uint32 // behind it in the queue of turns, id + 1

	dupAcks, backoff, probes uint8

	// What an ICMP error about the SYN quotes.
	tos, ttl      uint8
	ipID, synWnd  uint16
	challenged    uint32 // when, in milliseconds
	srtt, rttvar  int32  // in microseconds
	rttSeq        uint32 // behind the byte that is timed, if flagTimed
	rttAt         int64
	heard         int64 // when the container sent something last
	deadline      int64 // what the timer is to do is due then
	wheelAt       int64 // the wheel's deadline, before or at it; 0: none
	txPkts, txLen uint64
	rxPkts, rxLen uint64
}

// key names a connection by its two ends as the container sees them.
type key struct {
	inside, remote         [16]byte // IPv4 as mapped
	insidePort, remotePort uint16
	net                    uint16
}

// state is how far a connection is open. How far it is closed again is in flags, each
// way for itself.
type state uint8

const (
	unused state = iota
	// connecting: the container's SYN waits for what connect says.
	connecting
	// synReceived: it has been answered.
	synReceived
	// synSent: a published port's client waits for the container's answer.
	synSent
	established
	// timeWait: both ways are closed, the socket too.
	timeWait
)

type flags uint32

const (
	flagV4     flags = 1 << iota
	flagIn           // opened from outside
	flagTraced       // the socket has an error queue: the SYN had few hops left

	flagReadable // the socket may have more to peek at
	flagLast     // no further edge will say so: its peer has closed, or an error came
	flagError    // it was an error
	flagBroken   // a send has found it, and the socket does not say it again
	flagEOF      // all that there was is peeked at: the FIN's number is fin
	flagFinSent
	flagFinAcked
	flagLastWord // that FIN acknowledged the container's, which therefore never comes again
	flagPeekOff  // SO_PEEK_OFF is set
	flagUrgent   // an urgent byte is ahead
	flagMark     // and is the next
	flagTimed
	flagRecover // the offset was rewound for duplicates, and sndUna is before recover

	flagInFin   // the container's FIN is acknowledged
	flagShut    // and passed on
	flagWaitOut // for room in the socket
	flagNeedAck
	flagAckList   // in Shard.acks
	flagQueued    // in the queue of turns
	flagBudget    // counted in the budget
	flagNoDelay   // the socket sends small segments at once
	flagKeepAlive // and asks its peer whether it is there
)

func (r *record) has(f flags) bool { return r.flags&f != 0 }

func addr(a [16]byte) netip.Addr { return netip.AddrFrom16(a).Unmap() }

func (k *key) insideAddr() netip.Addr { return addr(k.inside) }
func (k *key) remoteAddr() netip.Addr { return addr(k.remote) }

// inFlight is how much the container was sent that it has not acknowledged.
func (r *record) inFlight() uint32 { return r.sndNxt - r.sndUna }

// find returns the number of a connection, flow.None if there is none.
func (s *Shard) find(k *key, hash uint32) uint32 {
	for c := s.index.Find(hash); ; {
		id := c.Next()
		if id == flow.None || s.flows[id].key == *k {
			return id
		}
	}
}

func (s *Shard) hash(k *key) uint32 {
	return flow.Hash(s.cfg.Seed+uint64(k.net), netip.AddrFrom16(k.inside), netip.AddrFrom16(k.remote),
		k.insidePort, k.remotePort, frame.ProtoTCP)
}

// add makes a record for k, which there is none of yet. Pointers to other records are
// not good any more.
func (s *Shard) add(k *key, hash uint32) uint32 {
	id := s.free
	if id != 0 {
		s.free = s.flows[id-1].next
		id--
	} else {
		s.flows = append(s.flows, record{})
		id = uint32(len(s.flows) - 1)
	}
	s.flows[id] = record{key: *k, hash: hash, fd: -1, gen: s.flows[id].gen + 1}
	s.index.Add(hash, id)
	s.live++
	return id
}

// remove forgets a record whose socket is closed. One that waits for a turn or an ACK
// is left to whoever comes by it there, since the lists are singly linked.
func (s *Shard) remove(id uint32) {
	r := &s.flows[id]
	s.index.Remove(r.hash, id)
	s.wheel.Clear(id)
	s.live--
	if s.last == id {
		s.last = flow.None
	}
	r.state = unused
	if !r.has(flagQueued | flagAckList) {
		s.release(id)
	}
}

func (s *Shard) release(id uint32) {
	r := &s.flows[id]
	r.flags = 0
	r.next = s.free
	s.free = id + 1
}

// watchKey is what the socket's events are reported under: the number, and how often it
// was used, so that an event of a socket that is closed already finds nobody.
func (r *record) watchKey(id uint32) int32 { return int32(id) | int32(r.gen)<<idBits }

const (
	// idBits of the 28 of a watch's key are the number.
	idBits = 20
	maxIDs = 1 << idBits
)

// byKey returns whose events a key stands for, flow.None if it is nobody's any more.
func (s *Shard) byKey(k int32) uint32 {
	id := uint32(k) & (maxIDs - 1)
	if int(id) >= len(s.flows) || s.flows[id].state == unused || s.flows[id].watchKey(id) != k || s.flows[id].fd < 0 {
		return flow.None
	}
	return id
}
