package uplinktest

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// What is built is what a TAP would deliver, and its sums are right.
func TestBuilders(t *testing.T) {
	for _, s := range []struct {
		Station
		to netip.Addr
	}{{Alice4, Loopback4}, {Alice6, Loopback6}} {
		to := netip.AddrPortFrom(s.to, 80)
		w := New(t)
		for name, f := range map[string]*frame.Frame{
			"segment":     s.TCP(4000, to, frame.TCPFields{Flags: frame.TCPSyn, Options: []byte{2, 4, 5, 0xb4}}, nil, 0),
			"super-frame": s.TCP(4000, to, frame.TCPFields{Flags: frame.TCPAck}, make([]byte, 9999), 1460),
			"datagram":    s.UDP(4000, to, []byte("hello"), 0),
			"datagrams":   s.UDP(4000, to, make([]byte, 5000), 1000),
			"echo":        s.Echo(s.to, 1, 2, []byte("ping")),
		} {
			w.check(f.WithVnet())
			if src, dst := Ends(f); src.Addr() != s.Addr || dst.Addr() != s.to {
				t.Errorf("%s: from %v to %v", name, src, dst)
			}
			if gso := offload.Vnet(f.Vnet()).GSO(); gso != (name == "super-frame" || name == "datagrams") {
				t.Errorf("%s: super-frame %v", name, gso)
			}
		}
	}
}
