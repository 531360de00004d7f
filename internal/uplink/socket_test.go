package uplink

import (
	"testing"
	"unsafe"
)

func TestNetPort(t *testing.T) {
	for _, port := range []uint16{0, 80, 0x1234, 0xff00, 65535} {
		v := NetPort(port)
		if b := *(*[2]byte)(unsafe.Pointer(&v)); b != [2]byte{byte(port >> 8), byte(port)} {
			t.Errorf("%d lies in memory as %x", port, b)
		}
		if NetPort(v) != port {
			t.Errorf("%d comes back as %d", port, NetPort(v))
		}
	}
}
