package offload

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// TestSegmentDifferential: gopacket decodes every segment without an error, finds
// the fields that segmentation must write, and its own checksums agree.
func TestSegmentDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 120 {
		s := randomSpec(r)
		x := s.build(t)
		if !Vnet(x.Vnet()).GSO() {
			continue
		}
		var payload []byte
		all := segments(t, x, SumComplete)
		for i, b := range all {
			p := checkDecoded(t, s, b[frame.VnetLen:], i, len(all))
			payload = append(payload, p...)
		}
		if !bytes.Equal(payload, randomBytes(s.payload, s.seed)) {
			t.Fatalf("%+v: payload differs", s)
		}
	}
}

// checkDecoded decodes segment i of n and returns its payload.
func checkDecoded(t *testing.T, s spec, b []byte, i, n int) []byte {
	t.Helper()
	pkt := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	if e := pkt.ErrorLayer(); e != nil {
		t.Fatalf("%+v segment %d: %v", s, i, e.Error())
	}
	if got := len(decodedTags(pkt)); got != len(s.tags) {
		t.Fatalf("%+v segment %d: %d tags", s, i, got)
	}
	if ip, ok := pkt.NetworkLayer().(*layers.IPv4); ok {
		if want := s.id + uint16(i); ip.Id != want {
			t.Fatalf("%+v segment %d: identification %d, want %d", s, i, ip.Id, want)
		}
		if int(ip.Length) != len(ip.Contents)+len(ip.Payload) {
			t.Fatalf("%+v segment %d: total length %d", s, i, ip.Length)
		}
	}
	if tcp, ok := pkt.TransportLayer().(*layers.TCP); ok {
		checkTCP(t, s, tcp, i, n)
	} else if udp := pkt.TransportLayer().(*layers.UDP); int(udp.Length) != 8+len(udp.Payload) {
		t.Fatalf("%+v segment %d: UDP length %d", s, i, udp.Length)
	}
	checkSums(t, s, pkt, b)
	p := pkt.TransportLayer().LayerPayload()
	if want := min(s.mss, s.payload-i*s.mss); len(p) != want {
		t.Fatalf("%+v segment %d: %d payload bytes, want %d", s, i, len(p), want)
	}
	return p
}

func decodedTags(pkt gopacket.Packet) (tags []*layers.Dot1Q) {
	for _, l := range pkt.Layers() {
		if tag, ok := l.(*layers.Dot1Q); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

func checkTCP(t *testing.T, s spec, tcp *layers.TCP, i, n int) {
	t.Helper()
	last, first := i == n-1, i == 0
	if tcp.Seq != s.seq+uint32(i*s.mss) || tcp.Ack != 0x01020304 ||
		tcp.FIN != (last && s.flags&frame.TCPFin != 0) ||
		tcp.PSH != (last && s.flags&frame.TCPPsh != 0) ||
		tcp.CWR != (first && s.flags&frame.TCPCwr != 0) ||
		tcp.ECE != (s.flags&frame.TCPEce != 0) || !tcp.ACK {
		t.Fatalf("%+v: segment %d of %d: %+v", s, i, n, tcp)
	}
}

// checkSums computes both checksums naively over the wire bytes.
func checkSums(t *testing.T, s spec, pkt gopacket.Packet, wire []byte) {
	t.Helper()
	if ip, ok := pkt.NetworkLayer().(*layers.IPv4); ok && naiveSum(ip.Contents, 0) != 0xffff {
		t.Fatalf("%+v: IPv4 header checksum", s)
	}
	f := adopt(t, append(make([]byte, frame.VnetLen), wire...))
	if naiveSum(transport(f), uint32(naivePseudo(f))) != 0xffff {
		t.Fatalf("%+v: transport checksum", s)
	}
	if f.Proto == frame.ProtoUDP && f.UDP().Checksum() == 0 {
		t.Fatalf("%+v: UDP checksum of zero", s)
	}
}

// TestSegmentPartial: completing what SumPartial leaves gives what SumComplete
// gives.
func TestSegmentPartial(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 80 {
		x := randomSpec(r).build(t)
		if !Vnet(x.Vnet()).GSO() {
			continue
		}
		full, part := segments(t, x, SumComplete), segments(t, x, SumPartial)
		for i, b := range part {
			f := adopt(t, b)
			if !Vnet(f.Vnet()).Partial() || Check(f) != frame.Accepted || !Complete(f) {
				t.Fatalf("segment %d is not a partial one", i)
			}
			if !bytes.Equal(f.WithVnet(), full[i]) {
				t.Fatalf("segment %d:\n%x\n%x", i, f.WithVnet(), full[i])
			}
		}
	}
}

// TestSegmentTiny: thousands of segments come out of a scratch of a few.
func TestSegmentTiny(t *testing.T) {
	s := spec{payload: 65000, mss: 8, tcpOpts: optTimestamps, id: 65530}
	x := s.build(t)
	all := segments(t, x, SumComplete)
	if len(all) != 8125 {
		t.Fatalf("%d segments", len(all))
	}
	for _, i := range []int{0, 1, 5, 6, 8000, 8124} {
		checkDecoded(t, s, all[i][frame.VnetLen:], i, len(all))
	}
}

func TestSegmentRefuses(t *testing.T) {
	tests := []struct {
		name string
		spec spec
		edit func(f *frame.Frame)
		want frame.Reason
	}{
		{"no super-frame", spec{payload: 100}, func(*frame.Frame) {}, frame.DropVnet},
		{"bad header", tcp4, func(f *frame.Frame) { Vnet(f.Vnet()).SetGSOType(GSOTCP6) }, frame.DropVnet},
		{"ARP", tcp4, func(f *frame.Frame) { f.Info = frame.Info{Flags: frame.FlagARP, L3: 14} }, frame.DropVnet},
		{"damaged finished checksum", spec{payload: 5000, mss: 1000, finished: true},
			func(f *frame.Frame) { f.Bytes()[2000]++ }, frame.DropTransport},
		{"header too long", spec{payload: 5000, mss: 1000, v6: true, extType: extDstOpts,
			ext: append([]byte{0, 63, 1, 253}, make([]byte, 508)...)}, func(*frame.Frame) {}, frame.DropIPv6},
	}
	for _, tt := range tests {
		f := tt.spec.build(t)
		tt.edit(f)
		s := NewSegmenter(4, 0)
		if r := s.Start(f, SumComplete); r != tt.want {
			t.Errorf("%s: %v", tt.name, r)
		}
		if s.Next() != nil {
			t.Errorf("%s: gives segments", tt.name)
		}
	}
}

// TestSegmentFinished: a right finished checksum segments like an unfinished one.
func TestSegmentFinished(t *testing.T) {
	for _, s := range []spec{tcp4, tcp6} {
		want := segments(t, s.build(t), SumComplete)
		s.finished = true
		for i, b := range segments(t, s.build(t), SumComplete) {
			if !bytes.Equal(b, want[i]) {
				t.Errorf("segment %d differs", i)
			}
		}
	}
}

// TestSegmentRoutingHeader: the pseudo-header sum of the sender counts, not the
// addresses in the header.
func TestSegmentRoutingHeader(t *testing.T) {
	s := tcp6
	s.ext, s.extType = []byte{0, 0, 4, 0, 0, 0, 0, 0}, extRouting
	x := s.build(t)
	field := transport(x)[csumTCP:]
	be.PutUint16(field, frame.Adjust16(be.Uint16(field), 2, 0x1234)) // another destination
	for i, b := range segments(t, x, SumComplete) {
		f := adopt(t, b)
		sum := frame.Adjust16(naivePseudo(f), 2, 0x1234)
		if naiveSum(transport(f), uint32(sum)) != 0xffff {
			t.Errorf("segment %d: checksum", i)
		}
	}
}

// TestSegmentAliases: payload slices are the slot's own memory, in order and
// without a gap, and the scratch never holds payload.
func TestSegmentAliases(t *testing.T) {
	for _, s := range []spec{tcp4, tcp6, udp4, udp6} {
		x := s.build(t)
		at := uintptr(unsafe.Pointer(&x.Bytes()[headersEnd(x)]))
		seg := NewSegmenter(2, 64)
		seg.Start(x, SumComplete)
		for run := seg.Next(); run != nil; run = seg.Next() {
			for _, g := range run {
				if got := uintptr(unsafe.Pointer(&g.Payload[0])); got != at {
					t.Fatalf("payload at %#x, want %#x", got, at)
				}
				at += uintptr(len(g.Payload))
				if len(g.Head()) != headersEnd(x) || g.Off != 64 {
					t.Fatalf("head of %d bytes at %d", len(g.Head()), g.Off)
				}
			}
		}
	}
}

func FuzzSegment(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s.build(f).WithVnet())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, ok := fuzzFrame(b)
		if !ok || !Vnet(x.Vnet()).GSO() || Check(x) != frame.Accepted {
			return
		}
		if Vnet(x.Vnet()).Partial() { // the sender's sum must be right for ours to be
			be.PutUint16(transport(x)[csumOffset(x.Proto):], naivePseudo(x))
		}
		if x.Flags&frame.FlagIPv4 != 0 {
			x.IPv4().FillChecksum()
		}
		walk(t, x, SumComplete)
		s := NewSegmenter(5, 0)
		if s.Start(x, SumComplete) != frame.Accepted {
			return
		}
		for run := s.Next(); run != nil; run = s.Next() {
			for i := range run {
				g := adopt(t, flatten(run[i].WithVnet(), run[i].Payload))
				if !Verify(g) || g.Flags&frame.FlagIPv4 != 0 && !g.IPv4().ChecksumOK() {
					t.Fatalf("segment with a wrong checksum: %x", g.WithVnet())
				}
			}
		}
	})
}
