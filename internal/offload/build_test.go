package offload

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
)

// spec describes a TCP or UDP packet, whole or super.
type spec struct {
	v6, udp      bool
	tags         []uint16 // TCIs, outermost first
	ipOpts, ext  []byte   // IPv4 options; IPv6 extension headers, chained by chain
	extType      uint8
	tcpOpts      []byte
	payload, mss int // mss 0: no super-frame
	seq          uint32
	id           uint16
	df           bool
	tos, flags   uint8
	finished     bool // checksum complete, no NeedsCsum
	seed         uint64
	sport        uint16
}

var (
	optTimestamps = []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
	optRouterAlrt = []byte{0x94, 4, 0, 0}
	extDst        = []byte{0, 0, 1, 4, 0, 0, 0, 0}
)

// build makes the frame in a slot of its own, parsed, and with a virtio header
// as a kernel makes it.
func (s spec) build(t testing.TB) *frame.Frame {
	t.Helper()
	f := &frame.Frame{Buf: make([]byte, frame.SlotSize), Off: frame.Headroom}
	b := f.Buf[f.Off:f.Off]
	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1)
	for i, tci := range s.tags {
		tpid := uint16(0x8100)
		if i == 0 && len(s.tags) > 1 {
			tpid = 0x88a8
		}
		b = be.AppendUint16(be.AppendUint16(b, tpid), tci)
	}
	b = s.appendIP(b)
	l4 := len(b)
	b = s.appendTransport(b)
	end := len(b)
	b = append(b, randomBytes(s.payload, s.seed)...)
	f.Len = len(b)
	if r := f.Parse(); r != frame.Accepted {
		t.Fatalf("built frame: %v\n%x", r, b[:min(len(b), 120)])
	}
	s.seal(f, l4, end)
	if r := Check(f); r != frame.Accepted {
		t.Fatalf("built frame: %v", r)
	}
	return f
}

func (s spec) proto() uint8 {
	if s.udp {
		return frame.ProtoUDP
	}
	return frame.ProtoTCP
}

func (s spec) transportLen() int {
	if s.udp {
		return 8 + s.payload
	}
	return 20 + len(s.tcpOpts) + s.payload
}

func (s spec) appendIP(b []byte) []byte {
	if s.v6 {
		b = append(b, 0x86, 0xdd, 0x60|s.tos>>4, s.tos<<4|0x0a, 0xbc, 0xde)
		b = be.AppendUint16(b, uint16(len(s.ext)+s.transportLen()))
		next := s.proto()
		if len(s.ext) > 0 {
			next = s.extType
		}
		b = append(b, next, 63)
		b = append(b, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
		b = append(b, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
		ext := append([]byte(nil), s.ext...)
		if len(ext) > 0 {
			ext[0] = s.proto()
		}
		return append(b, ext...)
	}
	b = append(b, 8, 0)
	ip := len(b)
	hl := 20 + len(s.ipOpts)
	b = append(b, 0x40|byte(hl/4), s.tos)
	b = be.AppendUint16(b, uint16(hl+s.transportLen()))
	b = be.AppendUint16(b, s.id)
	df := byte(0)
	if s.df {
		df = 0x40
	}
	b = append(b, df, 0, 63, s.proto(), 0, 0, 10, 9, 0, 1, 10, 9, 0, 2)
	b = append(b, s.ipOpts...)
	be.PutUint16(b[ip+10:], ^naiveSum(b[ip:], 0))
	return b
}

func (s spec) appendTransport(b []byte) []byte {
	b = be.AppendUint16(be.AppendUint16(b, 40000+s.sport), 5201)
	if s.udp {
		b = be.AppendUint16(b, uint16(s.transportLen()))
		return append(b, 0, 0)
	}
	b = be.AppendUint32(be.AppendUint32(b, s.seq), 0x01020304)
	b = append(b, byte(20+len(s.tcpOpts))<<2, s.flags|frame.TCPAck)
	b = append(b, 0x20, 0, 0, 0, 0, 0)
	return append(b, s.tcpOpts...)
}

// seal writes checksum and virtio header.
func (s spec) seal(f *frame.Frame, l4, end int) {
	b, h := f.Bytes(), Vnet(f.Vnet())
	off := csumTCP
	if s.udp {
		off = csumUDP
	}
	pseudo := naivePseudo(f)
	be.PutUint16(b[l4+off:], pseudo)
	if s.finished {
		sum := ^naiveSum(b[l4:], 0)
		if s.udp && sum == 0 {
			sum = 0xffff
		}
		be.PutUint16(b[l4+off:], sum)
	} else {
		h.SetFlags(NeedsCsum)
		h.SetCsumStart(uint16(l4))
		h.SetCsumOffset(uint16(off))
	}
	if s.mss == 0 || s.payload <= s.mss {
		return
	}
	h.SetGSOSize(uint16(s.mss))
	h.SetHdrLen(uint16(end))
	switch {
	case s.udp:
		h.SetGSOType(GSOUDP)
	case s.v6:
		h.SetGSOType(GSOTCP6)
	default:
		h.SetGSOType(GSOTCP4)
	}
	if s.flags&frame.TCPCwr != 0 && !s.udp {
		h.SetGSOType(h.GSOType() | GSOECN)
	}
}

func randomBytes(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b[:n]
}

// naiveSum is RFC 1071 as it reads, one word after the other.
func naiveSum(b []byte, sum uint32) uint16 {
	for i := 0; i < len(b); i++ {
		if i%2 == 0 {
			sum += uint32(b[i]) << 8
		} else {
			sum += uint32(b[i])
		}
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum>>16 + sum&0xffff)
}

// naivePseudo is the folded pseudo-header sum of a parsed frame.
func naivePseudo(f *frame.Frame) uint16 {
	b, n := f.Bytes(), uint32(packetEnd(f)-int(f.L4))
	tail := []byte{0, f.Proto, byte(n >> 8), byte(n)}
	addr := b[f.L3+12 : f.L3+20]
	if f.Flags&frame.FlagIPv6 != 0 {
		addr = b[f.L3+8 : f.L3+40]
	}
	return naiveSum(append(append([]byte(nil), addr...), tail...), 0)
}

// adopt copies bytes that begin with a virtio header into a slot and parses them.
func adopt(t testing.TB, withVnet []byte) *frame.Frame {
	t.Helper()
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(withVnet)), Off: frame.Headroom}
	f.Len = copy(f.Buf[f.Off-frame.VnetLen:], withVnet) - frame.VnetLen
	if r := f.Parse(); r != frame.Accepted {
		t.Fatalf("frame of %d bytes: %v", f.Len, r)
	}
	return f
}

// flatten joins what one write gathers.
func flatten(slices ...[]byte) []byte { return bytes.Join(slices, nil) }

// segments runs the Segmenter over f and joins every segment, virtio header
// first, in memory of its own.
func segments(t testing.TB, f *frame.Frame, mode SumMode) [][]byte {
	t.Helper()
	s := NewSegmenter(7, 64)
	if r := s.Start(f, mode); r != frame.Accepted {
		t.Fatalf("segment: %v", r)
	}
	var all [][]byte
	for run := s.Next(); run != nil; run = s.Next() {
		for i := range run {
			all = append(all, flatten(run[i].WithVnet(), run[i].Payload))
		}
	}
	return all
}

// outputs runs a new Coalescer over frames and joins every output.
func outputs(t testing.TB, o Options, frames ...*frame.Frame) [][]byte {
	t.Helper()
	o.Frames = len(frames)
	c := NewCoalescer(o)
	for _, f := range frames {
		if !c.Add(f) {
			t.Fatal("coalescer full")
		}
	}
	var all [][]byte
	for _, out := range c.Outputs() {
		b := flatten(out.Slices...)
		if out.Len != len(b)-frame.VnetLen {
			t.Fatalf("output says %d bytes and has %d", out.Len, len(b)-frame.VnetLen)
		}
		all = append(all, b)
	}
	return all
}

// randomSpec draws a super-frame of any shape that the kernel could make.
func randomSpec(r *rand.Rand) spec {
	s := spec{
		v6: r.IntN(2) == 0, udp: r.IntN(3) == 0, mss: 1 + r.IntN(1600),
		seq: r.Uint32(), id: uint16(r.Uint32()), df: r.IntN(2) == 0,
		tos: uint8(r.Uint32()), seed: r.Uint64(),
	}
	s.payload = 1 + r.IntN(64*s.mss)
	s.payload = min(s.payload, 65000)
	for range r.IntN(3) {
		s.tags = append(s.tags, uint16(r.Uint32()))
	}
	if s.v6 && r.IntN(3) == 0 {
		s.ext, s.extType = extDst, extDstOpts
	}
	if !s.v6 && r.IntN(3) == 0 {
		s.ipOpts = optRouterAlrt
	}
	if s.udp {
		return s
	}
	if r.IntN(2) == 0 {
		s.tcpOpts = optTimestamps
	}
	for _, flag := range []uint8{frame.TCPPsh, frame.TCPFin, frame.TCPCwr, frame.TCPEce} {
		if r.IntN(3) == 0 {
			s.flags |= flag
		}
	}
	return s
}
