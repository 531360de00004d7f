package engine

import (
	"bytes"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// put writes a frame without offloads into a borrowed slot and returns its length.
func put(slot, b []byte) int {
	clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	return copy(slot[frame.Headroom:], b)
}

// borrower is a rig with a source to borrow slots, a local port, and a station that
// the port's frames go to.
type borrower struct {
	*rig
	a  *station
	gw *gateway
	o  *Watcher
}

func newBorrower(t *testing.T, io string, serve func(*Exchange, []*frame.Frame)) *borrower {
	b := &borrower{rig: newNetworks(t, io, 1, 1)[0]}
	b.a = b.plug(vswitch.PortConfig{})
	must(t, b.sw.AddStatic(b.a.mac, 1, b.a.id))
	b.gw = b.local(vswitch.PortConfig{}, serve)
	b.o = b.listen(0, func(*Exchange, []unix.EpollEvent) {})
	return b
}

// as runs fn as the source, for the local port.
func (b *borrower) as(fn func(x *Exchange)) {
	b.t.Helper()
	must(b.t, b.o.Do(func(x *Exchange) error {
		if !x.As(b.gw.id) {
			b.t.Error("there is no port")
		}
		fn(x)
		return nil
	}))
}

// TestBorrow: as many slots as there are, whole and with what was in them; then none
// until one is returned or flushed. Every frame goes out with its virtio header, in
// order.
func TestBorrow(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		b := newBorrower(t, io, sink)
		wantVnet, want := super(b.a.mac, b.gw.mac, 5000, 1460)
		const rounds = 20
		for round := range rounds {
			b.as(func(x *Exchange) {
				var all [][]byte
				for slot := x.Borrow(); slot != nil; slot = x.Borrow() {
					if len(slot) != frame.SlotSize || cap(slot) != frame.SlotSize {
						t.Errorf("a slot of %d bytes", len(slot))
					}
					if old := bytes.Contains(slot, []byte("old")); old != (round > 0) {
						t.Errorf("round %d: the slot has old bytes: %v", round, old)
					}
					copy(slot[frame.SlotSize-3:], "old")
					all = append(all, slot)
				}
				if len(all) != replySlots || x.Reply(60) != nil {
					t.Errorf("%d slots", len(all))
				}
				x.Return(all[0])
				if again := x.Borrow(); &again[0] != &all[0][0] {
					t.Error("a returned slot is not the next one")
				}
				for i, slot := range all {
					copy(slot[frame.Headroom-frame.VnetLen:], wantVnet)
					n := copy(slot[frame.Headroom:], want)
					slot[frame.Headroom+n-1] = byte(i)
					x.Enter(slot, n)
				}
				if x.Borrow() != nil {
					t.Error("a slot that waits was lent")
				}
				x.Flush()
				if x.Return(x.Borrow()); len(all) == 0 {
					t.Error("none after Flush")
				}
			})
			for i := range replySlots {
				want[len(want)-1] = byte(i)
				gotVnet, got, err := b.a.Recv(patience)
				must(t, err)
				if !bytes.Equal(gotVnet, wantVnet) || !bytes.Equal(got, want) {
					t.Fatalf("frame %d: %d bytes, or others; virtio header %x", i, len(got), gotVnet)
				}
			}
		}
		b.rest(rounds * replySlots)
		if n := strays(b.e); n != 0 {
			t.Errorf("%d strays", n)
		}
	})
}

// TestFlushKeepsTheSlotHot: a slot is read into again as soon as its frame was written;
// with io_uring a large frame is written by Flush, too.
func TestFlushKeepsTheSlotHot(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		b := newBorrower(t, io, sink)
		var first *byte
		for i := range uint32(100) {
			b.as(func(x *Exchange) {
				slot := x.Borrow()
				if first == nil {
					first = unsafe.SliceData(slot)
				}
				if unsafe.SliceData(slot) != first {
					t.Errorf("frame %d is in another slot", i)
				}
				x.Enter(slot, put(slot, eth(b.a.mac, b.gw.mac, numbered(i, submitBytes))))
				x.Flush()
				if x.Ledger() == nil {
					t.Error("Flush took the port away")
				}
				again := x.Borrow()
				if unsafe.SliceData(again) != first {
					t.Errorf("frame %d: Flush did not free the slot", i)
				}
				x.Return(again)
			})
			if got := number(b.a.recv()); got != i {
				t.Errorf("frame %d came as number %d", i, got)
			}
		}
		b.rest(100)
	})
}

// TestBorrowInServe: what Serve borrows and enters is carried when it has returned, in
// order with its replies; Flush and As do nothing there.
func TestBorrowInServe(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		var b *borrower
		b = newBorrower(t, io, func(x *Exchange, run []*frame.Frame) {
			if x.As(b.gw.id) {
				t.Error("a Serve chose its port")
			}
			slot := x.Borrow()
			x.Enter(slot, put(slot, eth(b.a.mac, b.gw.mac, numbered(1, 60))))
			copy(x.Reply(74), eth(b.a.mac, b.gw.mac, numbered(2, 60)))
			x.Flush()
			slot = x.Borrow()
			x.Enter(slot, put(slot, eth(b.a.mac, b.gw.mac, numbered(3, 60))))
			if n := len(x.w.chain.next); n != 3 {
				t.Errorf("%d frames wait, want 3", n)
			}
			sink(x, run)
		})
		b.looked(0) // the worker sees b
		must(t, b.a.Send(eth(b.gw.mac, b.a.mac, nil)))
		for i := range uint32(3) {
			if got := number(b.a.recv()); got != i+1 {
				t.Errorf("frame %d came as number %d", i+1, got)
			}
		}
		ended(t, b.rest(4), map[frame.Reason]uint64{frame.Consumed: 1})
	})
}

// TestEnterAt: a local port may have a frame enter by another one, in Serve and as a
// source; what it says afterwards is by its own again. Without that port nothing enters.
func TestEnterAt(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		var to frame.PortID
		var b *borrower
		say := func(x *Exchange) {
			slot := x.Borrow()
			x.EnterAt(slot, put(slot, eth(b.a.mac, b.gw.mac, numbered(1, 60))), to)
			slot = x.Borrow()
			x.Enter(slot, put(slot, eth(b.a.mac, b.gw.mac, numbered(2, 60))))
		}
		b = newBorrower(t, io, func(x *Exchange, run []*frame.Frame) { say(x); sink(x, run) })
		other := b.local(vswitch.PortConfig{}, sink)
		for _, c := range []struct {
			to   frame.PortID
			want []uint32
		}{{other.id, []uint32{1, 2}}, {b.a.id, []uint32{2}}, {frame.NoPort, []uint32{2}}} {
			b.as(func(x *Exchange) { to = c.to; say(x) })
			must(t, b.a.Send(eth(b.gw.mac, b.a.mac, nil)))
			for _, want := range append(c.want, c.want...) {
				if got := number(b.a.recv()); got != want {
					t.Errorf("by port %d: frame %d came as number %d", c.to, want, got)
				}
			}
		}
		b.rest(11)
		if by, own := other.totals().RxFrames, b.gw.totals().RxFrames; by != 2 || own != 6 || strays(b.e) != 0 {
			t.Errorf("%d frames entered by the other port, %d by its own; %d strays", by, own, strays(b.e))
		}
	})
}

// TestFlushServes: a source may hold slots while its frames are served, by its own port
// as well, whose Serve makes mistakes with slots of its own only.
func TestFlushServes(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		var mine []byte
		b := newBorrower(t, io, func(x *Exchange, run []*frame.Frame) {
			x.Borrow()
			if mine != nil {
				x.Return(mine)
			}
			x.Flush()
			sink(x, run)
		})
		other := b.door(vswitch.PortConfig{})
		other.attach(1500, func(*Exchange, []*frame.Frame) {})
		const rounds = 50
		for range rounds {
			must(t, b.o.Do(func(x *Exchange) error {
				x.As(other.id)
				mine = x.Borrow()
				slot := x.Borrow()
				x.Enter(slot, put(slot, eth(b.gw.mac, other.mac, numbered(9, 60))))
				x.Flush()
				x.Enter(mine, put(mine, eth(b.a.mac, other.mac, numbered(7, 60))))
				mine = nil
				return nil
			}))
			if got := number(b.a.recv()); got != 7 {
				t.Errorf("frame 7 came as number %d", got)
			}
		}
		ended(t, b.rest(2*rounds), map[frame.Reason]uint64{frame.Consumed: rounds})
		if n := strays(b.e); n != 2*rounds {
			t.Errorf("%d strays, want %d", n, 2*rounds)
		}
	})
}

// TestStrays: whatever is done wrong with a borrowed slot is counted and books nothing,
// and no slot is lost.
func TestStrays(t *testing.T) {
	mistakes := []struct {
		name string
		want uint64
		do   func(x *Exchange)
	}{
		{"nothing wrong", 0, func(x *Exchange) { x.Return(x.Borrow()) }},
		{"kept", 2, func(x *Exchange) { x.Borrow(); x.Borrow() }},
		{"returned twice", 1, func(x *Exchange) { s := x.Borrow(); x.Return(s); x.Return(s) }},
		{"entered after its return", 1, func(x *Exchange) { s := x.Borrow(); x.Return(s); x.Enter(s, 60) }},
		{"nothing", 2, func(x *Exchange) { x.Enter(nil, 60); x.Return(nil) }},
		{"not a slot", 2, func(x *Exchange) { s := make([]byte, frame.SlotSize); x.Enter(s, 60); x.Return(s) }},
		{"a reply", 1, func(x *Exchange) { b := x.Reply(60); clear(b); x.Return(b) }},
		{"a slot that is read into", 1, func(x *Exchange) { x.Return(x.w.slab.Slot(0)) }},
		{"too long", 1, func(x *Exchange) { x.Enter(x.Borrow(), frame.MaxFrame+1) }},
		{"less than nothing", 1, func(x *Exchange) { x.Enter(x.Borrow(), -1) }},
	}
	loops(t, func(t *testing.T, io string) {
		for _, c := range mistakes {
			t.Run(c.name, func(t *testing.T) {
				frames := uint64(0)
				if c.name == "a reply" {
					frames = 1
				}
				b := newBorrower(t, io, func(x *Exchange, run []*frame.Frame) { c.do(x); sink(x, run) })
				b.as(c.do)
				b.rest(frames)
				must(t, b.a.Send(eth(b.gw.mac, b.a.mac, nil)))
				b.rest(2*frames + 1)
				if n := strays(b.e); n != 2*c.want {
					t.Errorf("%d strays, want %d each in Do and Serve", n, c.want)
				}
				b.as(func(x *Exchange) {
					n := 0
					for ; x.Borrow() != nil; n++ {
					}
					if n != replySlots {
						t.Errorf("%d slots are left", n)
					}
				})
			})
		}
		t.Run("for no port", func(t *testing.T) {
			b := newBorrower(t, io, sink)
			must(t, b.o.Do(func(x *Exchange) error {
				if x.As(b.a.id) || x.As(900) || x.As(frame.NoPort) {
					t.Error("acts for a port that is not local")
				}
				x.Enter(x.Borrow(), 60)
				if x.Reply(60) != nil {
					t.Error("a reply for no port")
				}
				return nil
			}))
			b.as(func(*Exchange) {})
			must(t, b.o.Do(func(x *Exchange) error { x.Enter(x.Borrow(), 60); return nil })) // As is over
			b.rest(0)
			if n := strays(b.e); n != 2 {
				t.Errorf("%d strays, want 2", n)
			}
		})
	})
}
