package offload

import (
	"testing"

	"vswitch/internal/frame"
)

var (
	tcp4 = spec{payload: 5000, mss: 1448, tcpOpts: optTimestamps}
	tcp6 = spec{payload: 5000, mss: 1428, tcpOpts: optTimestamps, v6: true}
	udp4 = spec{payload: 5000, mss: 1400, udp: true}
	udp6 = spec{payload: 5000, mss: 1400, udp: true, v6: true}
)

// fuzzSeeds are short: the fuzzer works on every byte.
var fuzzSeeds = []spec{
	{payload: 40, mss: 15, tcpOpts: optTimestamps, flags: frame.TCPCwr | frame.TCPPsh},
	{payload: 40, mss: 16, v6: true, ext: extDst, extType: extDstOpts},
	{payload: 40, mss: 15, udp: true, ipOpts: optRouterAlrt},
	{payload: 40, mss: 8, udp: true, v6: true, tags: []uint16{5, 6}},
	{payload: 40, mss: 16, finished: true},
}

func TestVnetFields(t *testing.T) {
	h := Vnet(make([]byte, frame.VnetLen))
	if !h.Plain() || h.GSO() || h.Partial() {
		t.Fatal("zero header is not plain")
	}
	h.SetFlags(NeedsCsum)
	h.SetGSOType(GSOTCP4 | GSOECN)
	h.SetHdrLen(0x1234)
	h.SetGSOSize(0x2345)
	h.SetCsumStart(0x3456)
	h.SetCsumOffset(0x4567)
	if h.Flags() != 1 || h.GSOType() != 0x81 || h.HdrLen() != 0x1234 || h.GSOSize() != 0x2345 ||
		h.CsumStart() != 0x3456 || h.CsumOffset() != 0x4567 || h.Plain() || !h.GSO() || !h.Partial() {
		t.Fatalf("fields do not read back: %x", []byte(h))
	}
	h.Clear()
	if !h.Plain() {
		t.Fatalf("cleared: %x", []byte(h))
	}
	for i := range h {
		h[i] = 1
		if h.Plain() {
			t.Errorf("byte %d set, still plain", i)
		}
		h[i] = 0
	}
}

func TestCheckAccepts(t *testing.T) {
	for name, s := range map[string]spec{
		"tcp4": tcp4, "tcp6": tcp6, "udp4": udp4, "udp6": udp6,
		"tcp ecn":       {payload: 5000, mss: 1448, flags: frame.TCPCwr},
		"tcp finished":  {payload: 5000, mss: 1448, finished: true},
		"two tags":      {payload: 5000, mss: 1448, tags: []uint16{5, 6}},
		"extensions":    {payload: 5000, mss: 1448, v6: true, ext: extDst, extType: extDstOpts},
		"small partial": {payload: 10},
		"udp 128":       {payload: 1280, mss: 10, udp: true},
	} {
		if r := Check(s.build(t)); r != frame.Accepted {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	tests := []struct {
		name string
		spec spec
		edit func(f *frame.Frame, h Vnet)
	}{
		{"unknown flag", tcp4, func(_ *frame.Frame, h Vnet) { h.SetFlags(4) }},
		{"unknown type", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(2) }},
		{"UFO", udp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(3) }},
		{"tunnel type", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(0x21) }},
		{"ECN alone", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOECN) }},
		{"ECN on UDP", udp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOUDP | GSOECN) }},
		{"v6 type on v4", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOTCP6) }},
		{"v4 type on v6", tcp6, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOTCP4) }},
		{"UDP type on TCP", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOUDP) }},
		{"TCP type on UDP", udp4, func(_ *frame.Frame, h Vnet) { h.SetGSOType(GSOTCP4) }},
		{"UDP not partial", udp4, func(_ *frame.Frame, h Vnet) { h.SetFlags(0) }},
		{"UDP 129 segments", udp4, func(_ *frame.Frame, h Vnet) { h.SetGSOSize(38) }},
		{"size 0", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOSize(0) }},
		{"size by frags", tcp4, func(_ *frame.Frame, h Vnet) { h.SetGSOSize(0xffff) }},
		{"header longer than frame", tcp4, func(f *frame.Frame, h Vnet) { h.SetHdrLen(uint16(f.Len + 1)) }},
		{"start not transport", tcp4, func(_ *frame.Frame, h Vnet) { h.SetCsumStart(h.CsumStart() + 2) }},
		{"field not checksum", tcp4, func(_ *frame.Frame, h Vnet) { h.SetCsumOffset(6) }},
		{"field past end", spec{payload: 0}, func(f *frame.Frame, h Vnet) { f.L4 = 0; h.SetCsumOffset(19) }},
		{"start below IP", spec{payload: 0}, func(f *frame.Frame, h Vnet) { f.L4 = 0; h.SetCsumStart(13) }},
		{"padding behind", tcp4, func(f *frame.Frame, _ Vnet) { f.Len++ }},
		{"fragment", tcp4, func(f *frame.Frame, _ Vnet) { f.Flags |= frame.FlagFragment }},
		{"finished fragment", tcp4, func(f *frame.Frame, h Vnet) { f.Flags |= frame.FlagFragment; h.SetFlags(0) }},
		{"no transport", tcp4, func(f *frame.Frame, _ Vnet) { f.L4 = 0 }},
		{"UDP length short", udp4, func(f *frame.Frame, _ Vnet) { f.UDP().SetLength(100) }},
		{"authentication header", spec{payload: 5000, mss: 1000, v6: true, ext: extDst, extType: extDstOpts},
			func(f *frame.Frame, _ Vnet) { f.Bytes()[f.L3+6] = 51 }},
	}
	for _, tt := range tests {
		f := tt.spec.build(t)
		tt.edit(f, f.Vnet())
		if r := Check(f); r != frame.DropVnet {
			t.Errorf("%s: %v", tt.name, r)
		}
	}
}

// TestCheckUnknownTransport: a sum over something that we do not parse is the
// sender's business as long as it stays inside.
func TestCheckUnknownTransport(t *testing.T) {
	f := spec{payload: 100}.build(t)
	f.L4 = 0
	if r := Check(f); r != frame.Accepted {
		t.Error(r)
	}
}

func FuzzVnetCheck(f *testing.F) {
	for _, s := range append(fuzzSeeds, spec{payload: 10}, spec{payload: 9, tags: []uint16{3}}) {
		f.Add(s.build(f).WithVnet())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, ok := fuzzFrame(b)
		if !ok || Check(fr) != frame.Accepted {
			return
		}
		// A frame that passes goes through everything without a panic.
		h := Vnet(fr.Vnet())
		if h.GSO() {
			walk(t, fr, SumComplete)
			walk(t, fr, SumPartial)
		}
		if Complete(fr) == h.Partial() {
			t.Fatal("Complete does not say what it did")
		}
		if !h.GSO() && Partial(fr) && !Complete(fr) {
			t.Fatal("Partial cannot be completed")
		}
	})
}

// fuzzFrame makes a parsed frame of bytes that begin with a virtio header.
func fuzzFrame(b []byte) (*frame.Frame, bool) {
	if len(b) < frame.VnetLen || len(b) > frame.MaxFrame {
		return nil, false
	}
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(b)), Off: frame.Headroom}
	f.Len = copy(f.Buf[f.Off-frame.VnetLen:], b) - frame.VnetLen
	return f, f.Parse() == frame.Accepted
}

// walk segments a checked super-frame and holds that no payload byte is lost.
func walk(t *testing.T, f *frame.Frame, mode SumMode) {
	s := NewSegmenter(3, 0)
	if r := s.Start(f, mode); r != frame.Accepted {
		if r != frame.DropTransport && r != frame.DropIPv6 {
			t.Fatalf("checked super-frame: %v", r)
		}
		return
	}
	total := 0
	for run := s.Next(); run != nil; run = s.Next() {
		for _, seg := range run {
			total += len(seg.Payload)
		}
	}
	if want := f.Len - headersEnd(f); total != want {
		t.Fatalf("%d payload bytes of %d", total, want)
	}
}
