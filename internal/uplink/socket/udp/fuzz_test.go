package udp

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
)

// FuzzReassembly adds fragments that a fuzzer chose, 5 bytes each, and compares what
// comes of them with a table of which byte came from where.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 0, 10, 1, 1, 0, 10, 5, 0, 2})
	f.Add([]byte{0, 10, 5, 0, 2, 0, 0, 10, 1, 1})
	f.Add([]byte{0, 0, 10, 1, 1, 0, 9, 10, 0, 1})
	f.Add([]byte{31, 255, 1, 0, 9})
	f.Fuzz(func(t *testing.T, plan []byte) {
		var m message
		m.begin(1, &piece{}, 0)
		var have [maxDatagram + unit]bool
		var want [maxDatagram + unit]byte
		end, last := 0, 0
		for ; len(plan) >= 5; plan = plan[5:] {
			p := piece{at: int(be.Uint16(plan)&0x1fff) * unit, more: plan[3]&1 != 0}
			p.body = bytes.Repeat(plan[4:5], int(plan[2])*unit+int(plan[3]>>5)*int(1-plan[3]&1))
			to := p.at + len(p.body)
			fits := len(p.body) > 0 && to <= maxDatagram && (end == 0 || to <= end) && (p.more || end == 0 && to >= last)
			for i := p.at; fits && i < to; i++ {
				fits = !have[i]
			}
			if got := m.add(&p); got != fits {
				t.Fatalf("from %d to %d, more %v: taken %v, want %v", p.at, to, p.more, got, fits)
			}
			if !fits {
				return
			}
			for i := range p.body {
				have[p.at+i], want[p.at+i] = true, p.body[i]
			}
			if last = max(last, to); !p.more {
				end = to
			}
			whole := end > 0
			for i := 0; whole && i < end; i++ {
				whole = have[i]
			}
			if got := m.total > 0 && m.got == m.total; got != whole {
				t.Fatalf("whole %v, want %v", got, whole)
			}
			if whole {
				if !bytes.Equal(m.data[:m.total], want[:end]) {
					t.Fatal("other bytes")
				}
				return
			}
		}
	})
}

// FuzzRead reads whatever a container may send: nothing reaches beyond its packet.
func FuzzRead(f *testing.F) {
	to := port(uplinktest.Loopback4, 9)
	f.Add(alice4.UDP(1, to, []byte("x"), 0).Bytes())
	f.Add(alice4.UDP(1, to, payload(3000), 1000).Bytes())
	f.Add(cut(alice4, to, 1, payload(30), 16)[0].Bytes())
	f.Add(cut(alice6, port(uplinktest.Loopback6, 9), 1, payload(30), 16)[1].Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := &frame.Frame{Off: frame.Headroom, Len: len(b), Buf: make([]byte, frame.Headroom+len(b))}
		copy(fr.Bytes(), b)
		if fr.Parse() != frame.Accepted || fr.Flags&(frame.FlagIPv4|frame.FlagIPv6) == 0 {
			return
		}
		if fr.Flags&frame.FlagFragment != 0 {
			var p piece
			if p.read(fr) && (len(p.body) > int(fr.L3Len) || p.at > maxDatagram) {
				t.Errorf("%d bytes at %d of a packet of %d", len(p.body), p.at, fr.L3Len)
			}
			return
		}
		var d datagram
		if d.read(fr) == frame.Accepted && len(d.payload) > int(fr.L3Len)-frame.UDPLen {
			t.Errorf("a payload of %d bytes in a packet of %d", len(d.payload), fr.L3Len)
		}
	})
}
