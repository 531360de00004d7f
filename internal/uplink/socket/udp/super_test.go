package udp

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink/uplinktest"
)

// A super-frame of the container's arrives as the datagrams that it stands for.
func TestSuperFrameOut(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		body := payload(10_500)
		r.send(s.UDP(4000, to.alias(), body, 1000))
		wantDatagrams(t, to, slices.Collect(slices.Chunk(body, 1000)))
		if f := r.flows()[0]; f.TxPackets != 11 || f.TxBytes != 10_500 {
			t.Errorf("%d datagrams with %d bytes are counted", f.TxPackets, f.TxBytes)
		}
	})
}

// A container's super-frame may have as many datagrams as its kernel allows.
func TestLongestSuperFrame(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	body := payload(128 * 500)
	r.send(alice4.UDP(4000, to.alias(), body, 500))
	wantDatagrams(t, to, slices.Collect(slices.Chunk(body, 500)))
}

// wantDatagrams reads datagrams and compares them.
func wantDatagrams(t *testing.T, s *server, want [][]byte) {
	t.Helper()
	for i, w := range want {
		if got, _ := s.get(); !bytes.Equal(got, w) {
			t.Fatalf("datagram %d of %d: %d bytes, want %d", i, len(want), len(got), len(w))
		}
	}
	s.quiet()
}

// Whatever a run has, the same datagrams arrive in the same order.
func TestGatheredInOrder(t *testing.T) {
	r, a, b := newRig(t), loopback4(t), loopback4(t)
	ttl := func(f *frame.Frame) *frame.Frame { f.IPv4().SetTTL(9); return f }
	var frames []*frame.Frame
	want := map[*server][][]byte{}
	add := func(to *server, n, gso int) *frame.Frame {
		body := payload(n + len(frames))[len(frames):]
		f := alice4.UDP(4000, to.alias(), body, gso)
		frames = append(frames, f)
		if gso == 0 {
			gso = max(n, 1)
		}
		want[to] = append(want[to], slices.Collect(slices.Chunk(body, gso))...)
		if n == 0 {
			want[to] = append(want[to], nil)
		}
		return f
	}
	for range 5 {
		add(a, 100, 0)
	}
	add(a, 99, 0)   // ends a run
	add(a, 100, 0)  // begins one
	add(a, 200, 0)  // longer
	add(b, 200, 0)  // another's
	add(a, 200, 0)  // back
	add(a, 0, 0)    // nothing
	add(a, 0, 0)    // again
	add(a, 700, 70) // several, and
	add(a, 70, 0)   // one more, and
	add(a, 140, 70) // two, and
	add(a, 30, 0)   // the last
	ttl(add(a, 30, 0))
	for range 150 {
		add(b, 64, 0)
	}
	r.send(frames...)
	wantDatagrams(t, a, want[a])
	wantDatagrams(t, b, want[b])
}

// Datagrams that follow one another leave as one super-frame: a server that takes such
// gets it whole.
func TestGatheredIntoOne(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	raw := rawOf(t, to)
	if err := unix.SetsockoptInt(raw, unix.IPPROTO_UDP, unix.UDP_GRO, 1); err != nil {
		t.Fatal(err)
	}
	var frames []*frame.Frame
	for range 40 {
		frames = append(frames, alice4.UDP(4000, to.alias(), payload(64), 0))
	}
	r.send(frames...)
	if got, _ := to.get(); len(got) != 40*64 {
		t.Errorf("%d bytes came at once, want %d", len(got), 40*64)
	}
}

func rawOf(t testing.TB, s *server) (fd int) {
	c, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Control(func(d uintptr) { fd = int(d) })
	return fd
}

// What the host's kernel has as one super-frame enters as one, and its datagrams are
// right in every header.
func TestSuperFrameIn(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		r.send(s.UDP(4000, to.alias(), []byte("more"), 0))
		_, from := to.get()
		body := payload(12_345)
		putSegmented(t, to, body, 1234, from)
		f := r.Await()
		v := offload.Vnet(f.Vnet())
		if v.GSOType() != offload.GSOUDP || v.GSOSize() != 1234 || !v.Partial() {
			t.Fatalf("not a super-frame of datagrams: %x", f.Vnet())
		}
		cut := segments(t, f)
		for i, want := range slices.Collect(slices.Chunk(body, 1234)) {
			wantUDP(t, cut[i], to.alias(), port(s.Addr, 4000), s.MAC, want)
		}
		if n := r.flows()[0].RxPackets; n != 11 || len(cut) != 11 || r.Ledger().CopiedBytes.Load() != 0 {
			t.Errorf("%d datagrams, %d counted, %d bytes copied", len(cut), n, r.Ledger().CopiedBytes.Load())
		}
	})
}

// putSegmented sends b as datagrams of size bytes with one call.
func putSegmented(t testing.TB, s *server, b []byte, size uint16, to netip.AddrPort) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&oob[unix.CmsgLen(0)])) = size
	if _, _, err := s.WriteMsgUDPAddrPort(b, oob, to); err != nil {
		t.Fatal(err)
	}
}

// segments cuts a super-frame as a TAP's kernel does.
func segments(t testing.TB, f *frame.Frame) (out []*frame.Frame) {
	t.Helper()
	cut := offload.NewSegmenter(128, frame.VnetLen)
	if r := cut.Start(f, offload.SumComplete); r != frame.Accepted {
		t.Fatal(r)
	}
	for run := cut.Next(); len(run) > 0; run = cut.Next() {
		for _, s := range run {
			b := slices.Concat(s.WithVnet(), s.Payload)
			p := &frame.Frame{Buf: b, Off: frame.VnetLen, Len: len(b) - frame.VnetLen}
			out = append(out, uplinktest.Parse(p))
		}
	}
	return out
}

// A burst of datagrams comes in its order, large or small, and more than has its turn at
// once; those of one size come as few frames and are not copied.
func TestBurstIn(t *testing.T) {
	for _, size := range []int{10, 1400} {
		r, to := newRig(t), loopback4(t)
		r.send(alice4.UDP(4000, to.alias(), []byte("more"), 0))
		_, from := to.get()
		const n = 700
		for i := range n {
			body := payload(size)
			body[0], body[1] = byte(i), byte(i>>8)
			to.put(body, from)
		}
		for i := 0; i < n; {
			for _, f := range datagrams(t, r.Await()) {
				if b := f.UDP().Payload(); len(b) != size || int(b[0])|int(b[1])<<8 != i {
					t.Fatalf("datagram %d is %x with %d bytes", i, b[:2], len(b))
				}
				i++
			}
		}
		if f := r.flows()[0]; f.RxPackets != n || r.Ledger().CopiedBytes.Load() != 0 {
			t.Errorf("%d datagrams are counted, %d bytes copied", f.RxPackets, r.Ledger().CopiedBytes.Load())
		}
	}
}

// datagrams returns what a frame stands for.
func datagrams(t testing.TB, f *frame.Frame) []*frame.Frame {
	if offload.Vnet(f.Vnet()).GSO() {
		return segments(t, f)
	}
	return []*frame.Frame{f}
}

// Whatever sizes follow one another and from whom, each datagram comes as it was sent,
// in the order in which it was.
func TestMixedBurstIn(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r := newRig(t)
		peers := []*server{listen(t), listen(t)}
		var from netip.AddrPort
		for _, p := range peers {
			r.send(s.UDP(4000, p.alias(), []byte("more"), 0))
			_, from = p.get()
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			type sent struct {
				by   *server
				body []byte
			}
			var all []sent
			by, n := peers[0], 100
			for len(all) < 100 {
				switch rnd.IntN(12) {
				case 0:
					by = peers[rnd.IntN(2)]
				case 1:
					n = []int{0, 1, 99, 100, 101, 1400, 1452}[rnd.IntN(7)]
				}
				body := payload(n + len(all))[len(all):]
				by.put(body, from)
				all = append(all, sent{by, body})
			}
			for i := 0; i < len(all); {
				for _, f := range datagrams(t, r.Await()) {
					wantUDP(t, f, all[i].by.alias(), port(s.Addr, 4000), s.MAC, all[i].body)
					i++
				}
			}
			if t.Failed() || len(r.Entered) != 0 {
				t.Fatalf("%d frames too many", len(r.Entered))
			}
		}
	})
}
