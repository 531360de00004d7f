package offload

import "vswitch/internal/frame"

// output lays the slices of r out and, if it has more than one frame, makes the
// headers of the first speak of all.
func (c *Coalescer) output(r *run) Output {
	h := c.vnetOf(r)
	if r.frames > 1 {
		r.f.Len = packetEnd(r.f) // padding would lie in the middle
		r.merge(h)
	}
	start := len(c.slices)
	if c.opt.Detached {
		c.slices = append(c.slices, h, r.f.Bytes())
	} else {
		c.slices = append(c.slices, r.f.WithVnet())
	}
	length := r.f.Len
	for i := r.head; i != r.last; {
		i = c.parts[i].next
		c.slices = append(c.slices, c.parts[i].payload)
		length += len(c.parts[i].payload)
	}
	end := len(c.slices)
	return Output{Frame: r.f, Slices: c.slices[start:end:end], Frames: r.frames, Len: length}
}

// vnetOf returns where the virtio header of r's output lies: before the first
// frame, or zeroed in scratch when what is there belongs to another frame.
func (c *Coalescer) vnetOf(r *run) Vnet {
	if !c.opt.Detached {
		return r.f.Vnet()
	}
	at := int(r.head) * frame.VnetLen
	h := Vnet(c.vnets[at : at+frame.VnetLen : at+frame.VnetLen])
	h.Clear()
	return h
}

// merge edits the headers of the first frame and fills h. The frame's Info goes on
// describing what lies in its own slot.
func (r *run) merge(h Vnet) {
	f := r.f
	packet := f.Bytes()[f.L3:r.first.end]
	whole := len(packet) + r.bytes
	if f.Flags&frame.FlagIPv4 != 0 {
		frame.IPv4(packet).SetTotalLen(whole)
	} else {
		frame.IPv6(packet).SetPayloadLen(whole - frame.IPv6Len)
	}
	h.Clear()
	h.SetGSOType(r.gsoType())
	h.SetGSOSize(uint16(r.first.n))
	h.SetHdrLen(uint16(r.first.end))
	r.mergeTransport(h, f.Bytes()[f.L4:r.first.end])
}

// mergeTransport edits the TCP or UDP header t and decides who finishes its
// checksum.
func (r *run) mergeTransport(h Vnet, t []byte) {
	n := len(t) + r.bytes
	if r.f.Proto == frame.ProtoUDP {
		frame.UDP(t).SetLength(n)
	} else {
		const edge = frame.TCPFin | frame.TCPPsh
		frame.TCP(t).SetFlags(frame.TCP(t).Flags() | r.flags&edge)
	}
	off := csumOffset(r.f.Proto)
	pseudo := frame.Fold(pseudoSum(r.f, n))
	if r.first.kind != carried {
		be.PutUint16(t[off:], pseudo)
		h.markPartial(r.f.L4, off)
		return
	}
	be.PutUint16(t[off:], 0)
	be.PutUint16(t[off:], ^frame.Checksum(t, uint32(pseudo)+uint32(r.sum)))
}

// gsoType: a run whose first segment has CWR is one whose others may not get it.
func (r *run) gsoType() uint8 {
	switch {
	case r.f.Proto == frame.ProtoUDP:
		return GSOUDP
	case r.f.TCP().Flags()&frame.TCPCwr != 0:
		return r.tcpType() | GSOECN
	}
	return r.tcpType()
}

func (r *run) tcpType() uint8 {
	if r.f.Flags&frame.FlagIPv4 != 0 {
		return GSOTCP4
	}
	return GSOTCP6
}
