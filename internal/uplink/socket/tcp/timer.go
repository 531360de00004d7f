package tcp

import (
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

const (
	// minRTO and maxRTO bound the retransmission timeout. RFC 6298 wants a second at
	// least; the container is on this machine, and kernels use 200 ms.
	minRTO = int64(200 * time.Millisecond)
	maxRTO = int64(60 * time.Second)
	// maxBackoff timeouts in a row end a connection, after some eight minutes.
	maxBackoff = 15
	// synTimeout is how long an answer to a SYN is waited for at first, maxSyns how
	// often one is sent.
	synTimeout = int64(time.Second)
	maxSyns    = 5
	// abandoned is how long a connect goes on for a container that does not repeat its
	// SYN any more: longer than between the last two of a kernel.
	abandoned = int64(75 * time.Second)
	// idleTime is how long a container may be silent before it is asked (RFC 5382,
	// REQ-5), askEvery and deadAfter how often then, and when it is taken for dead.
	idleTime  = int64(2 * time.Hour)
	askEvery  = int64(75 * time.Second)
	deadAfter = 9 * askEvery
	// timeWaitTime is how long the ACK of a FIN can be repeated. The container's kernel
	// has the long one.
	timeWaitTime = int64(500 * time.Millisecond)
)

// Next returns when Expire is to be called next.
func (s *Shard) Next() (when int64, ok bool) { return s.wheel.Next() }

// Expire does what is due.
func (s *Shard) Expire(x uplink.Outbox) {
	s.enter(x)
	s.wheel.Advance(s.now, s.due)
	s.again()
}

// rearm sets the deadline of what the connection waits for now. The wheel is told only
// of one that is earlier than what it has; one that has moved out is looked at again
// when its old time has come.
func (s *Shard) rearm(id uint32, r *record) {
	r.deadline = s.wait(r)
	if r.wheelAt == 0 || r.wheelAt > r.deadline {
		r.wheelAt = r.deadline
		s.wheel.Set(id, r.deadline)
	}
}

func (s *Shard) wait(r *record) int64 {
	switch r.state {
	case connecting:
		return r.heard + abandoned
	case synReceived, synSent:
		return s.now + synTimeout<<r.backoff
	case timeWait:
		return s.now + timeWaitTime
	}
	switch {
	case r.sndMax != r.sndUna:
		return s.now + min(r.rto()<<r.backoff, maxRTO)
	case r.blocked():
		return s.now + min(r.rto()<<min(r.probes, maxBackoff), maxRTO)
	case s.now-r.heard >= idleTime:
		return s.now + askEvery
	}
	return r.heard + idleTime
}

// blocked reports whether only the container's window keeps data from it.
func (r *record) blocked() bool {
	return r.state == established && r.has(flagReadable) && r.sndMax == r.sndUna && r.room() == 0 &&
		!r.has(flagFinSent)
}

// expired is called by the wheel.
func (s *Shard) expired(id uint32) {
	r := &s.flows[id]
	r.wheelAt = 0
	r.deadline = max(r.deadline, r.patience())
	if r.deadline > s.now {
		r.wheelAt = r.deadline
		s.wheel.Set(id, r.deadline)
		return
	}
	if !s.x.As(r.port) {
		s.abort(id)
		return
	}
	s.timeout(id, r)
	if r.state != unused {
		s.rearm(id, r)
	}
}

// patience is until when a container is not bothered that has spoken since the deadline
// was set; 0 where that does not matter.
func (r *record) patience() int64 {
	switch {
	case r.state == connecting:
		return r.heard + abandoned
	case r.state == established && r.sndMax == r.sndUna && !r.blocked():
		return r.heard + idleTime
	}
	return 0
}

func (s *Shard) timeout(id uint32, r *record) {
	switch {
	case r.state == connecting:
		s.counts.Failed++
		s.abort(id)
	case r.state == timeWait:
		s.abort(id)
	case r.state != established:
		s.repeatSyn(id, r)
	case r.sndMax != r.sndUna:
		s.retransmit(id, r)
	case s.now-r.heard >= idleTime+deadAfter:
		s.fail(id)
	default:
		r.probes = min(r.probes+1, maxBackoff)
		if !r.blocked() {
			s.keepAlive(r)
		}
		s.probe(r)
	}
}

// repeatSyn sends a SYN, or the answer to one, again.
func (s *Shard) repeatSyn(id uint32, r *record) {
	if r.backoff++; r.backoff >= maxSyns {
		s.counts.Failed++
		s.fail(id)
		return
	}
	flags := uint8(syn | ack)
	if r.state == synSent {
		flags = syn
	}
	s.sendSyn(r, flags, mssOf(s.nets[r.net], r.has(flagV4)))
}

// retransmit has everything sent again that is not acknowledged (RFC 6298, section 5). A
// container that has taken its window back is asked instead, for as long as it answers
// (RFC 9293, section 3.8.6.1).
func (s *Shard) retransmit(id uint32, r *record) {
	shut := r.sndWnd == 0
	if r.backoff++; r.backoff > maxBackoff {
		if !shut || s.now-r.heard > 2*maxRTO {
			s.fail(id)
			return
		}
		r.backoff = maxBackoff
	}
	r.flags &^= flagRecover
	r.dupAcks = 0
	if s.rewind(id, r); shut && r.state != unused {
		s.probe(r)
	}
}

// keepAlive has the host ask its peer now and then whether it is there.
func (s *Shard) keepAlive(r *record) {
	if !r.has(flagKeepAlive) {
		r.flags |= flagKeepAlive
		s.calls[callOther]++
		setInt(int(r.fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
}

// probe sends an empty segment with an old number, which a container that is there
// answers with its window.
func (s *Shard) probe(r *record) {
	e := r.ends()
	if s.emit(&e, frame.TCPFields{Seq: r.sndUna - 1, Ack: r.rcvNxt, Flags: ack, Window: r.window()}) {
		r.rxPkts++
	}
}

// time begins to measure a round trip with n bytes that are sent for the first time.
func (s *Shard) time(r *record, n int) {
	if !r.has(flagTimed) && r.sndNxt == r.sndMax {
		r.flags |= flagTimed
		r.rttSeq, r.rttAt = r.sndNxt+uint32(n), s.now
	}
}

// sample ends the measurement if got acknowledges its bytes (RFC 6298, section 2).
func (s *Shard) sample(r *record, got uint32) {
	if !r.has(flagTimed) || before(got, r.rttSeq) {
		return
	}
	r.flags &^= flagTimed
	rtt := int32(min((s.now-r.rttAt)/1000, 60e6))
	if r.srtt == 0 {
		r.srtt, r.rttvar = max(rtt, 1), rtt/2
		return
	}
	r.rttvar += (max(r.srtt-rtt, rtt-r.srtt) - r.rttvar) / 4
	r.srtt += (rtt - r.srtt) / 8
}

func (r *record) rto() int64 { return max(minRTO, int64(r.srtt+4*r.rttvar)*1000) }
