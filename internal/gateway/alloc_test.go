package gateway

import (
	"testing"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// still is a box that allocates nothing.
type still struct {
	box
	reply [2048]byte
	gone  int
}

func (x *still) Reply(n int) []byte {
	b := x.reply[:n]
	clear(b)
	return b
}

func (x *still) Reenter(*frame.Frame, frame.PortID) { x.gone++ }

// TestNoAllocations: none of the inline ways allocates.
func TestNoAllocations(t *testing.T) {
	super := slot(tcp(ask4, far4, 80, func(s *layers.TCP) { s.ACK = true }, make([]byte, 20_000)))
	super.Parse()
	offload.Partial(super)
	offload.Vnet(super.Vnet()).SetGSOType(offload.GSOTCP4)
	offload.Vnet(super.Vnet()).SetGSOSize(1000)
	for name, f := range map[string]*frame.Frame{
		"ARP": parsed(arpRequest(1, askMAC, ask4, next4)), "ND": parsed(asks(next6)), "DAD": parsed(detects(gw6)),
		"echo": parsed(ping(ask4, gw4, make([]byte, 56))), "echo by IPv6": parsed(ping(ask6, b6, make([]byte, 56))),
		"forward": parsed(udp(ask4, far4, 9, nil)), "forward by IPv6": parsed(udp(ask6, far6, 9, nil)), "super-frame": super,
		"service": parsed(udp(ask4, gw4, 53, nil)), "reset": parsed(tcp(ask4, gw4, 80, func(*layers.TCP) {}, nil)),
		"error": parsed(ping(ask4, outside4, nil)), "error by IPv6": parsed(ping(ask6, outside6, nil)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				routed(c)
				withService(&counter{})(c)
				c.Limits = Limits{Service: Limit{1e6, 1e6}, Error: Limit{1e6, 1e6}, Errors: Limit{1e6, 1e6}}
			})
			x := &still{box: box{from: portAsk}}
			run, whole := []*frame.Frame{f}, *f
			before := append([]byte(nil), f.Bytes()...)
			got := testing.AllocsPerRun(200, func() {
				copy(f.Bytes(), before[:min(64, len(before))]) // forwarding edits the headers
				f.Info = whole.Info
				r.Serve(x, run)
			})
			if got != 0 {
				t.Errorf("%v allocations a frame", got)
			}
		})
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	r := newRig(t, nil)
	if got := testing.AllocsPerRun(200, func() { r.Knows(gw4); r.Knows(next6); r.Lookup(ask4); r.Knows(outside6) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
