package nat

import "vswitch/internal/frame"

// What a flow has seen
//
// The state of a flow is a set of bits: who has sent at all, and for TCP who has sent a
// SYN, a FIN, a RST. From them follows which timeout it has. Packets move it by
// compare-and-swap; the high half of the word is the record's generation, so that a late
// packet of the flow before does not move the one that has the record now.
//
//	SYN -> SYN|ACK -> ACK             opening -> (transitory) -> established
//	FIN both ways                     closing, transitory
//	RST                               reset, transitory; established again with the
//	                                  next packet of the side that sent it
//	SYN after FIN, FIN or RST         opening again
//
// A RST is passed on and shortens the flow's time to four minutes (RFC 7857, section 2):
// a NAT cannot know whether the receiver believes it. If its sender goes on sending, it
// was forged, or not heard, and the connection is as established as before. What only the
// other side sends restarts the four minutes.

type history uint16

// Bits of a flow. Those of the way in stand one above those of the way out.
const (
	sent history = 1 << iota
	_
	syn
	_
	fin
	_
	rst
	_
	open // TCP's handshake is complete

	both = 3 // times a bit: in both directions
)

// dir is the way that a packet goes. It is also which end of a record the packet has:
// that inside or the outer one.
type dir uint8

const (
	out dir = iota
	in
)

func (s history) has(h history) bool { return s&h == h }

func (s history) reset() bool  { return s&(rst*both) != 0 }
func (s history) closed() bool { return s.reset() || s.has(fin*both) }

// step returns the state after a packet that goes d, with these TCP flags; 0 for other
// protocols.
func (s history) step(d dir, flags uint8) history {
	switch {
	case flags&frame.TCPRst != 0:
		return s | (sent|rst)<<d
	case flags&frame.TCPSyn != 0:
		if s.closed() && flags&frame.TCPAck == 0 {
			return (sent | syn) << d
		}
		return s | (sent|syn)<<d
	}
	s |= sent << d
	s &^= rst << d
	if flags&frame.TCPAck != 0 && s.has(syn*both) {
		s |= open
	}
	if flags&frame.TCPFin != 0 {
		s |= fin << d
	}
	return s
}

// opens reports whether a TCP segment may begin a flow.
func opens(flags uint8) bool {
	return flags&(frame.TCPSyn|frame.TCPAck|frame.TCPRst|frame.TCPFin) == frame.TCPSyn
}

// class is which timeout a flow has.
type class uint8

const (
	classEstablished class = iota
	classTransitory
	classOpening
	classUDP
	classDNS
	classICMP
	classOther
	classes
)

// class returns the timeout of a flow of kind k; dns is whether it is for port 53.
func (s history) class(k kind, dns bool) class {
	switch {
	case k.proto() == frame.ProtoTCP:
		return s.tcpClass()
	case k.proto() == frame.ProtoUDP && dns:
		return classDNS
	case k.proto() == frame.ProtoUDP:
		return classUDP
	case k.icmp():
		return classICMP
	}
	return classOther
}

func (s history) tcpClass() class {
	switch {
	case s.has(open) && !s.closed():
		return classEstablished
	case s.has(open) || s.has(syn*both) && !s.reset():
		return classTransitory
	}
	return classOpening
}

// assured reports whether a flow is worth more than a new one: both sides have sent, and
// a TCP connection is open.
func (s history) assured(k kind) bool {
	if k.proto() == frame.ProtoTCP {
		return s.has(open) && !s.closed()
	}
	return s.has(sent * both)
}

// State is what a flow is at, for people.
type State uint8

// The states of flows.
const (
	// Unreplied: only one side has sent.
	Unreplied State = iota
	// Replied: both sides have sent; not TCP.
	Replied
	// Opening: TCP's handshake is under way.
	Opening
	// Established: it is complete.
	Established
	// HalfClosed: one side has sent its FIN.
	HalfClosed
	// Closed: both have.
	Closed
	// Reset: a RST has passed.
	Reset

	states
)

var stateNames = [states]string{"unreplied", "replied", "opening", "established", "half-closed", "closed", "reset"}

// String returns the state's name.
func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return "invalid"
}

// state returns what people are told.
func (s history) state(k kind) State {
	switch {
	case !s.has(sent * both):
		return Unreplied
	case k.proto() != frame.ProtoTCP:
		return Replied
	case s.reset():
		return Reset
	case s.has(fin * both):
		return Closed
	case s&(fin*both) != 0:
		return HalfClosed
	case s.has(open):
		return Established
	}
	return Opening
}
