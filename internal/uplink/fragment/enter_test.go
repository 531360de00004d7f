package fragment

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
)

// headers are of datagrams to Alice, of a protocol that the worker does not check sums of.
var headers = map[string]Header{
	"IPv4": {Src: loopback4, Dst: alice4.Addr, MAC: alice4.MAC, Proto: 253, Hops: 9, TOS: 3},
	"IPv6": {V6: true, Src: loopback6, Dst: alice6.Addr, MAC: alice6.MAC, Proto: 253, Hops: 9, TOS: 3},
}

// What entered in fragments is, put together, what was to enter, and no packet is longer
// than the network's MTU.
func TestEnter(t *testing.T) {
	for family, h := range headers {
		for _, mtu := range []int{68, 576, 1280, 1500, 9000} {
			for _, n := range []int{1, 8, mtu, 3000, MaxLen} {
				w := uplinktest.New(t)
				w.Net.MTU = mtu
				want := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, n/7+1)[:n]
				w.Outside(func() {
					w.As(uplinktest.GatewayPort)
					if !h.Enter(w, w.Net, 0x12345, want) {
						t.Errorf("%s, MTU %d, %d bytes: no slots", family, mtu, n)
					}
				})
				if got := together(t, w, &h); !bytes.Equal(got, want) {
					t.Errorf("%s, MTU %d: %d bytes came together, want %d, or others", family, mtu, len(got), n)
				}
				if got := w.Ledger().CopiedBytes.Load(); got != uint64(n) {
					t.Errorf("%s, MTU %d: %d copied bytes are booked, want %d", family, mtu, got, n)
				}
			}
		}
	}
}

// together puts together what has entered, and compares its headers with h.
func together(t *testing.T, w *uplinktest.Worker, h *Header) []byte {
	t.Helper()
	var d Datagram
	for _, e := range w.Entered {
		if int(e.L3Len) > w.Net.MTU {
			t.Errorf("a packet of %d bytes, MTU %d", e.L3Len, w.Net.MTU)
		}
		if e.Flags&frame.FlagFragment == 0 { // all of it in one
			return e.Bytes()[len(e.Bytes())-int(w.Ledger().CopiedBytes.Load()):]
		}
		p, ok := Read(1, h.Proto, e.Frame)
		if !ok || d.Add(&p) != Fresh {
			t.Fatalf("not a fragment, or not of its datagram: %+v", p)
		}
		if p.Src != h.Src.As16() || p.Dst != h.Dst.As16() || p.ID&0xffff != 0x2345 || p.Hops != h.Hops || p.TOS != h.TOS ||
			e.Dst != h.MAC || e.Src != w.Net.MAC {
			t.Errorf("headers of %+v from %v to %v", p.Key, e.Src, e.Dst)
		}
	}
	return d.Whole()
}

// Without a slot nothing enters, and that is said.
func TestEnterWithoutSlots(t *testing.T) {
	w := uplinktest.New(t)
	w.Starve = true
	h := headers["IPv4"]
	w.Outside(func() {
		w.As(uplinktest.GatewayPort)
		if h.Enter(w, w.Net, 1, make([]byte, 3000)) {
			t.Error("all of it entered")
		}
	})
	if len(w.Entered) != 0 {
		t.Errorf("%d frames entered", len(w.Entered))
	}
}
