package tcp

import (
	"encoding/binary"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink"
)

const (
	syn = frame.TCPSyn
	fin = frame.TCPFin
	rst = frame.TCPRst
	ack = frame.TCPAck
	psh = frame.TCPPsh
	urg = frame.TCPUrg

	// tcpCsum is where the checksum lies in a TCP header.
	tcpCsum = 16
	// tcpUrgent is where the urgent pointer lies.
	tcpUrgent = 18
)

// ends is between whom a segment goes, towards the container.
type ends struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	v4               bool
	from, to         frame.MAC
}

func (r *record) ends() ends {
	return ends{
		src: r.remote, dst: r.inside, srcPort: r.remotePort, dstPort: r.insidePort,
		v4: r.has(flagV4), from: r.gateway, to: r.insideMAC,
	}
}

// ipLen returns the length of the IP header.
func ipLen(v4 bool) int {
	if v4 {
		return frame.IPv4Len
	}
	return frame.IPv6Len
}

// payloadAt is where in a slot the payload of a segment without options begins.
func payloadAt(v4 bool) int {
	return frame.Headroom + frame.EthernetLen + ipLen(v4) + frame.TCPLen
}

// put writes everything before the n bytes of payload, virtio header included, and
// returns how long the frame is. mss cuts a super-frame. The checksum is the
// pseudo-header's: whoever needs a whole one finishes it.
func (e *ends) put(slot []byte, h frame.TCPFields, n, mss int) int {
	h.SrcPort, h.DstPort = e.srcPort, e.dstPort
	ip, hdr := ipLen(e.v4), frame.TCPLen+len(h.Options)
	size := frame.EthernetLen + ip + hdr + n
	b := slot[frame.Headroom : frame.Headroom+size]
	at := frame.EthernetLen + ip
	h.Encode(b[at:at+hdr], 0)
	frame.TCP(b[at:]).SetChecksum(frame.Fold(e.network(b, hdr+n)))

	v := offload.Vnet(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	v.Clear()
	v.SetFlags(offload.NeedsCsum)
	v.SetCsumStart(uint16(at))
	v.SetCsumOffset(tcpCsum)
	if n > mss {
		v.SetGSOType(gsoType(e.v4))
		v.SetGSOSize(uint16(mss))
		v.SetHdrLen(uint16(at + hdr))
	}
	return size
}

// network writes Ethernet and IP headers, and returns the pseudo header's sum for n
// bytes of transport.
func (e *ends) network(b []byte, n int) uint32 {
	eth := frame.EthernetFields{Dst: e.to, Src: e.from, EtherType: frame.TypeIPv6}
	if e.v4 {
		eth.EtherType = frame.TypeIPv4
		p := frame.IPv4Fields{DontFragment: true, Proto: frame.ProtoTCP, Src: addr(e.src), Dst: addr(e.dst)}.Encode(eth.Encode(b))
		return p.PseudoSum(n)
	}
	p := frame.IPv6Fields{NextHeader: frame.ProtoTCP, Src: addr(e.src), Dst: addr(e.dst)}.Encode(eth.Encode(b))
	return p.PseudoSum(frame.ProtoTCP, n)
}

func gsoType(v4 bool) uint8 {
	if v4 {
		return offload.GSOTCP4
	}
	return offload.GSOTCP6
}

// borrow returns a slot, nil if there is none. Those of what was entered are free again
// when that is flushed, which in a run it cannot be.
func (s *Shard) borrow() []byte {
	if s.run {
		return s.x.Borrow()
	}
	return uplink.Borrow(s.x)
}

// emit enters a segment without payload. It is lost where there is no slot for it, as
// any segment may be.
func (s *Shard) emit(e *ends, h frame.TCPFields) bool {
	slot := s.borrow()
	if slot == nil {
		return false
	}
	s.x.Enter(slot, e.put(slot, h, 0, 1))
	return true
}

// sendAck tells the container how far it got.
func (s *Shard) sendAck(r *record) {
	s.widen(r)
	e := r.ends()
	if !s.emit(&e, frame.TCPFields{Seq: r.sndNxt, Ack: r.rcvNxt, Flags: ack, Window: r.window()}) {
		return
	}
	r.flags &^= flagNeedAck
	r.rxPkts++
}

// sendFin ends what the container is sent, and reports whether there was a slot.
func (s *Shard) sendFin(r *record) bool {
	e := r.ends()
	if !s.emit(&e, frame.TCPFields{Seq: r.fin, Ack: r.rcvNxt, Flags: fin | ack, Window: r.window()}) {
		return false
	}
	r.sent(0, fin)
	s.x.Flush()
	return true
}

// sent books a segment that went to the container.
func (r *record) sent(n int, flags uint8) {
	r.flags &^= flagNeedAck
	r.sndNxt += uint32(n)
	if flags&fin != 0 {
		r.sndNxt++
		r.flags |= flagFinSent
		if r.has(flagInFin) {
			r.flags |= flagLastWord
		}
	}
	r.sndMax = later(r.sndMax, r.sndNxt)
	r.rxPkts++
	r.rxLen += uint64(n)
}

// sendReset ends the connection on the container's side.
func (s *Shard) sendReset(r *record) {
	e := r.ends()
	s.emit(&e, frame.TCPFields{Seq: r.sndMax, Ack: r.rcvNxt, Flags: rst | ack})
	r.rxPkts++
}

// sendSyn sends the SYN to a published port, or the answer to a container's.
func (s *Shard) sendSyn(r *record, flags uint8, mss int) {
	opts := [8]byte{frame.TCPOptMSS, 4, 0, 0, 1, frame.TCPOptScale, 3, windowShift}
	binary.BigEndian.PutUint16(opts[2:], uint16(mss))
	n := len(opts)
	if flags&ack != 0 && r.rcvShift == 0 {
		n = 4 // the container did not offer to scale
	}
	e := r.ends()
	h := frame.TCPFields{Seq: r.sndUna, Flags: flags, Window: uint16(min(r.rcvEdge-r.rcvNxt, 0xffff)), Options: opts[:n]}
	if flags&ack != 0 {
		h.Ack = r.rcvNxt
	}
	if s.emit(&e, h) {
		r.rxPkts++
	}
}

// refuse answers a segment that belongs to no connection (RFC 9293, section 3.10.7.1).
func (s *Shard) refuse(n *uplink.Net, f *frame.Frame, t frame.TCP) {
	if t.Flags()&rst != 0 {
		return
	}
	k, v4 := keyOf(n, f, t)
	e := ends{
		src: k.remote, dst: k.inside, srcPort: k.remotePort, dstPort: k.insidePort,
		v4: v4, from: n.MAC, to: f.Src,
	}
	h := frame.TCPFields{Seq: t.Ack(), Flags: rst}
	if t.Flags()&ack == 0 {
		h = frame.TCPFields{Ack: t.Seq() + length(t), Flags: rst | ack}
	}
	s.emit(&e, h)
}

// length returns how much of the sequence space a segment takes.
func length(t frame.TCP) uint32 {
	n := uint32(len(t.Payload()))
	if t.Flags()&syn != 0 {
		n++
	}
	if t.Flags()&fin != 0 {
		n++
	}
	return n
}
