package echo

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/fragment"
	"vswitch/internal/uplink/uplinktest"
)

// ping -s 8000 and more, in fragments of any order; the answers enter in fragments.
func TestBig(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr) {
		r.pieces()
		rnd := rand.New(rand.NewPCG(1, 2))
		for i, n := range []int{1500, 8000, 8001, 30000, 65000} {
			all := fragments(from.Echo(to, 3, uint16(i), pattern(n)), 1448, uint32(i)+1)
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = append(all[:1], all...) // one comes twice
			for _, f := range all {
				wantEnds(t, r.Run(f), frame.Consumed)
			}
			got := 0
			r.Until("the whole answer", func() bool {
				if len(r.Entered) == 0 {
					return false
				}
				got = 0
				for _, e := range r.Entered {
					q := head(e.Frame)
					p, _ := fragment.Read(1, q.proto(), e.Frame)
					got += len(p.Body)
				}
				return got >= n+frame.ICMPLen
			})
			m := frame.ICMPv4(joined(t, r.Entered))
			if m.Type() != replyType(to.Is6()) || m.ID() != 3 || m.Seq() != uint16(i) || !bytes.Equal(m.Payload(), pattern(n)) {
				t.Errorf("%d bytes: the answer has type %d, %d bytes", n, m.Type(), len(m))
			}
			q := head(r.Entered[0].Frame)
			if sum := frame.Checksum(m, pseudoOf(&q, len(m))); sum != 0xffff {
				t.Errorf("%d bytes: the checksum is wrong: %04x", n, sum)
			}
			r.Entered = nil
		}
		if copied := r.Worker.Ledger().CopiedBytes.Load(); copied < 2*(1500+8000+8001+30000+65000) {
			t.Errorf("%d copied bytes are booked", copied)
		}
	})
}

func pseudoOf(q *request, n int) uint32 {
	p := *q
	p.msg = make([]byte, n)
	return p.pseudo()
}

// What is not put together, and what ends.
func TestFragments(t *testing.T) {
	r := newRig(t, Ping)
	r.pieces()
	of := func(id uint32, n int) []*frame.Frame {
		return fragments(alice4.Echo(loop4, 1, 1, pattern(n)), 1000, id)
	}
	edit := func(f *frame.Frame, fn func(ip frame.IPv4)) *frame.Frame {
		fn(f.IPv4())
		f.IPv4().FillChecksum()
		uplinktest.Parse(f)
		return f
	}
	move := func(at, n int) func(frame.IPv4) {
		return func(ip frame.IPv4) {
			binary.BigEndian.PutUint16(ip[6:], uint16(at/8)|0x2000)
			ip.SetTotalLen(20 + n)
		}
	}
	// Overlaps, lengths that are none, two ends.
	a := of(1, 5000)
	wantEnds(t, r.Run(a[0], edit(of(1, 5000)[1], move(800, 1000)), a[1]), frame.Consumed, frame.DropNATFragment, frame.Consumed)
	wantEnds(t, r.Run(edit(of(2, 5000)[0], move(0, 999)), edit(of(2, 5000)[0], move(65000, 800))), frame.DropTransport, frame.DropTransport)
	end := of(3, 1500)[1]
	longer := of(3, 2500)
	wantEnds(t, r.Run(end, longer[2]), frame.Consumed, frame.DropNATFragment)
	wantEnds(t, r.Run(of(4, 5000)[3], of(4, 1500)[1]), frame.Consumed, frame.DropNATFragment)
	r.Advance(3 * time.Second)

	// One container has half of the places, and gets them back.
	for i := range uint32(maxOfOne) {
		wantEnds(t, r.Run(of(10+i, 5000)[0]), frame.Consumed)
	}
	wantEnds(t, r.Run(of(20, 5000)[0]), frame.DropUplinkBusy)
	wantEnds(t, r.Run(fragments(bob4.Echo(loop4, 1, 1, pattern(1500)), 1000, 20)...), frame.Consumed, frame.Consumed)
	r.Until("Bob's answer", func() bool { return len(r.Entered) == 2 })
	r.Advance(time.Second)
	wantEnds(t, r.Run(of(20, 5000)[0]), frame.DropUplinkBusy)
	r.Advance(time.Second)
	wantEnds(t, r.Run(of(20, 1500)...), frame.Consumed, frame.Consumed)
	r.Until("Alice's answer", func() bool { return len(r.Entered) == 4 })

	// Not ICMP, not a request, a wrong checksum.
	f := of(30, 1500)
	uplinktest.L4(f[0])[20]++
	wantEnds(t, r.Run(f...), frame.Consumed, frame.DropTransport)
	wantEnds(t, r.Run(fragments(alice4.ICMP(loop4, frame.ICMPFields{Type: 0}, pattern(1500)), 1000, 31)...), frame.Consumed, frame.DropUplinkProtocol)
	g := fragments(alice6.Echo(loop6, 1, 1, pattern(1500)), 1000, 32)
	g[1].Bytes()[g[1].L3+40] = frame.ProtoUDP
	uplinktest.Parse(g[1])
	wantEnds(t, r.Run(g...), frame.Consumed, frame.DropUplinkProtocol)

	// A network is removed with half a message.
	r.Outside(func() { r.s.DropNet(r.Worker, r.Net.ID) })
	if _, ok := r.s.Next(); ok {
		t.Error("there is a deadline of a network that is not there")
	}
}

// A message whose fragments are late is forgotten, with its memory.
func TestPatience(t *testing.T) {
	r := newRig(t, Ping)
	f := fragments(alice4.Echo(loop4, 1, 1, pattern(1500)), 1000, 1)
	r.Run(f[0])
	if when, ok := r.s.Next(); !ok || when != r.Clock+patience {
		t.Errorf("the next deadline is at %d, %v", when-r.Clock, ok)
	}
	r.Advance(2 * time.Second)
	wantEnds(t, r.Run(f[1]), frame.Consumed)
	if r.Settle(20 * time.Millisecond); len(r.Entered) != 0 || r.s.Counts().Flows != 0 {
		t.Error("a late fragment completed a message")
	}
	r.Advance(2 * time.Second)
	for i := range r.s.messages {
		if !reflect.ValueOf(r.s.messages[i]).IsZero() {
			t.Error("memory is kept")
		}
	}
}

// FuzzStrip: what a raw socket gives is taken apart without reading past it.
func FuzzStrip(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1})
	f.Add([]byte{0x46, 9, 0, 26, 0, 0, 0, 0, 5, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 1, 1, 1, 1, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		want := bytes.Clone(b)
		var a answer
		a.strip(b)
		if a.msg == nil {
			return
		}
		if !bytes.Equal(a.msg, frame.IPv4(want).Payload()) || a.hops != want[8] || a.tos != want[1] ||
			len(a.msg) > 0 && &a.msg[0] != &b[frame.IPv4Len] {
			t.Errorf("%x: %+v", want, a)
		}
	})
}
