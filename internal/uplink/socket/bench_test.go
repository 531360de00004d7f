package socket

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// What a batch costs beside its packets: the timer, and what it would cost to ask all
// protocols for their deadlines each time.
func BenchmarkArm(b *testing.B) {
	r := newRig(b)
	_, at := listener(b, 8)
	r.send(alice4.TCP(1, netip.AddrPortFrom(ut.Loopback4, at.Port()), frame.TCPFields{Flags: syn}, nil, 0))
	r.send(alice4.UDP(1, alias(udpServer(b).LocalAddr()), nil, 0))
	b.Run("batch", func(b *testing.B) {
		for b.Loop() {
			r.s.arm(r.Clock)
		}
	})
	b.Run("asking", func(b *testing.B) {
		for b.Loop() {
			r.earliest()
		}
	})
}
