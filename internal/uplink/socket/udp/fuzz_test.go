package udp

import (
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/fragment"
	"vswitch/internal/uplink/uplinktest"
)

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
			p, ok := fragment.Read(1, frame.ProtoUDP, fr)
			if ok && (len(p.Body) > int(fr.L3Len) || p.At > fragment.MaxLen) {
				t.Errorf("%d bytes at %d of a packet of %d", len(p.Body), p.At, fr.L3Len)
			}
			return
		}
		var d datagram
		if d.read(fr) == frame.Accepted && len(d.payload) > int(fr.L3Len)-frame.UDPLen {
			t.Errorf("a payload of %d bytes in a packet of %d", len(d.payload), fr.L3Len)
		}
	})
}
