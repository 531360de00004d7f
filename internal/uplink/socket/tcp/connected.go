package tcp

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

// connected takes the outcome of connect, as poll or epoll told it: the SYN is answered,
// or the container told why not.
func (s *Shard) connected(id uint32, n *uplink.Net, events uint32) frame.Reason {
	r := &s.flows[id]
	if r.has(flagTraced) && s.traced(id, n) {
		return frame.Consumed
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		errno, err := unix.GetsockoptInt(int(r.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if err != nil {
			return s.unconnected(id, n, err)
		}
	}
	if r.has(flagTraced) {
		setErrorQueue(int(r.fd), r.has(flagV4), 0)
	}
	s.leaveHalfOpen(r)
	r.state = synReceived
	s.sendSyn(r, syn|ack, mssOf(n, r.has(flagV4)))
	r.sndNxt = r.sndUna + 1
	r.sndMax = r.sndNxt
	s.rearm(id, r)
	return frame.Consumed
}

// traced passes on what a router said of the SYN. That ends the connection.
func (s *Shard) traced(id uint32, n *uplink.Net) bool {
	r := &s.flows[id]
	var e report.Error
	var buf [64]byte
	if !report.ReadError(int(r.fd), buf[:], &e) {
		return false
	}
	s.report(n, r, &e)
	s.counts.Failed++
	s.abort(id)
	return true
}

// unconnected ends a connection that the host could not open. That the network has no way
// is said by an ICMP error, which in a run is the caller's to send, for the reason that is
// returned; everything else is TCP's to refuse.
func (s *Shard) unconnected(id uint32, n *uplink.Net, err error) frame.Reason {
	end := frame.Consumed
	switch errnoOf(err) {
	case unix.ECONNREFUSED, unix.ECONNRESET:
		s.counts.Refused++
		s.sendRefusal(&s.flows[id])
	case unix.EMFILE, unix.ENFILE, unix.EADDRNOTAVAIL, unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.ENOSPC:
		s.counts.Exhausted++
		s.sendRefusal(&s.flows[id])
		end = frame.DropUplinkSockets
	default:
		s.counts.Failed++
		end = frame.DropUplinkUnreachable
		if !s.run {
			s.unreachable(n, &s.flows[id], errnoOf(err))
		}
	}
	s.abort(id)
	return end
}

// unreachable sends the ICMP error that an errno stands for, or that the host is
// unreachable.
func (s *Shard) unreachable(n *uplink.Net, r *record, errno unix.Errno) {
	e, ok := report.Local(errno, !r.has(flagV4))
	if !ok {
		e, _ = report.Local(unix.EHOSTUNREACH, !r.has(flagV4))
	}
	s.report(n, r, &e)
}

// sendRefusal refuses a SYN that has not been answered.
func (s *Shard) sendRefusal(r *record) {
	e := r.ends()
	s.emit(&e, frame.TCPFields{Ack: r.rcvNxt, Flags: rst | ack})
}

func (s *Shard) leaveHalfOpen(r *record) {
	k := r.source()
	if s.halfOpen[k]--; s.halfOpen[k] <= 0 {
		delete(s.halfOpen, k)
	}
}

// quote keeps what an ICMP error repeats of the SYN.
func (r *record) quote(f *frame.Frame, t frame.TCP) {
	r.synWnd = t.Window()
	if l3 := f.Bytes()[f.L3:]; f.Flags&frame.FlagIPv4 != 0 {
		p := frame.IPv4(l3)
		r.tos, r.ttl, r.ipID = p.TOS(), p.TTL(), p.ID()
	} else {
		p := frame.IPv6(l3)
		r.tos, r.ttl = p.TrafficClass(), p[7]
	}
}

// report sends the container an ICMP error about its SYN, which is made anew of what is
// kept: its header without options.
func (s *Shard) report(n *uplink.Net, r *record, e *report.Error) {
	var b [frame.TCPLen]byte
	binary.BigEndian.PutUint16(b[0:], r.insidePort)
	binary.BigEndian.PutUint16(b[2:], r.remotePort)
	t := frame.TCP(b[:])
	t.SetSeq(r.rcvNxt - 1)
	b[12] = frame.TCPLen / 4 << 4
	t.SetFlags(syn)
	t.SetWindow(r.synWnd)
	q := report.Quote{
		Proto: frame.ProtoTCP, TOS: r.tos, TTL: r.ttl, ID: r.ipID, Payload: b[:],
		Src: netip.AddrPortFrom(r.insideAddr(), r.insidePort),
		Dst: netip.AddrPortFrom(r.remoteAddr(), r.remotePort),
	}
	s.errors.Send(s.x, n, r.insideMAC, &q, e)
}
