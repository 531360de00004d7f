package leg

import (
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
	"vswitch/nat"
)

// The network of the tests: alice inside, behind our leg, which stands in a network
// with a gateway and bob.
const (
	legPort    frame.PortID = 9
	legMAC                  = frame.MAC(0x02_00_00_00_01_09)
	outerMAC                = frame.MAC(0x02_00_00_00_01_01)
	bobMAC                  = frame.MAC(0x02_00_00_00_01_03)
	aliceMAC                = frame.MAC(0x02_00_00_00_00_02)
	insideMAC               = frame.MAC(0x02_00_00_00_00_01)
	insidePort              = uplinktest.GatewayPort
)

// ends are the addresses of one family.
type ends struct{ alice, leg, bob, world netip.Addr }

var (
	v4   = ends{addr("10.1.0.2"), addr("10.2.0.9"), addr("10.2.0.3"), addr("192.0.2.1")}
	v6   = ends{addr("fd00:1::2"), addr("fd00:2::9"), addr("fd00:2::3"), addr("2001:db8::1")}
	both = map[string]ends{"IPv4": v4, "IPv6": v6}
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// sent is a frame that left the leg.
type sent struct {
	*frame.Frame
	port frame.PortID
	how  string // "reenter", "inside", "rest", "copy"
}

// rig is a leg with a fake worker around it, which notes where frames go.
type rig struct {
	*testing.T
	*Leg
	clock   int64
	shared  bool // frames of a run are somebody else's too
	starved bool // there is no free slot
	lent    int
	ledger  frame.Ledger
	sent    []sent
}

func newRig(t *testing.T, personality nat.Personality) *rig {
	t.Helper()
	table, err := nat.New(nat.Config{Personality: personality, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	table.SetOuter(nat.Outer{V4: v4.leg, V6: v6.leg})
	r := &rig{T: t, clock: int64(time.Hour)}
	r.Leg = New(Config{
		NAT: table, Port: legPort, MAC: legMAC, Addr4: v4.leg, Addr6: v6.leg,
		Next: func(dst netip.Addr) (frame.MAC, bool) {
			switch dst {
			case v4.bob, v6.bob:
				return bobMAC, true
			case v4.world, v6.world:
				return outerMAC, true
			}
			return 0, false
		},
		Inside: func(_ Outbox, f *frame.Frame) frame.Reason {
			r.sent = append(r.sent, sent{f, insidePort, "inside"})
			return frame.Accepted
		},
		Station: func(a netip.Addr) (frame.MAC, bool) {
			return aliceMAC, a == v4.alice || a == v6.alice
		},
		InsidePort: insidePort, InsideMAC: insideMAC,
		Rest: func(_ Outbox, run []*frame.Frame) {
			for _, f := range run {
				r.sent = append(r.sent, sent{f, legPort, "rest"})
			}
		},
	})
	t.Cleanup(func() {
		if r.lent != 0 {
			t.Errorf("%d slots were neither entered nor returned", r.lent)
		}
	})
	return r
}

// The rig is the worker. What a leg has no use for fails the test.
func (r *rig) Now() int64              { return r.clock }
func (r *rig) Worker() int             { return 0 }
func (r *rig) From() frame.PortID      { return 3 }
func (r *rig) Ledger() *frame.Ledger   { return &r.ledger }
func (r *rig) Owned(*frame.Frame) bool { return !r.shared }
func (r *rig) As(frame.PortID) bool    { r.Error("As in a run"); return false }
func (r *rig) Enter([]byte, int)       { r.Error("Enter by the port of the run") }
func (r *rig) Flush()                  { r.Error("Flush in a run") }

func (r *rig) Borrow() []byte {
	if r.starved {
		return nil
	}
	r.lent++
	return make([]byte, frame.SlotSize)
}

func (r *rig) Return([]byte) { r.lent-- }

func (r *rig) EnterAt(slot []byte, n int, port frame.PortID) {
	r.lent--
	f := &frame.Frame{Buf: slot, Off: frame.Headroom, Len: n}
	if reason := f.Parse(); reason != frame.Accepted {
		r.Errorf("a malformed frame enters: %v", reason)
	}
	r.sent = append(r.sent, sent{f, port, "copy"})
}

func (r *rig) Reenter(f *frame.Frame, port frame.PortID) {
	r.sent = append(r.sent, sent{f, port, "reenter"})
}

// out gives the leg a packet from inside, and returns where it went.
func (r *rig) out(f *frame.Frame, want frame.Reason) *sent {
	r.Helper()
	r.sent = nil
	r.Take(r, []*frame.Frame{f})
	return r.one(f.Drop, want)
}

// in gives the leg a frame from outside.
func (r *rig) in(f *frame.Frame, want frame.Reason) *sent {
	r.Helper()
	r.sent = nil
	before := r.ledger.Ends[want].Load()
	r.Serve(r, []*frame.Frame{f})
	got := frame.Accepted
	if want != frame.Accepted && r.ledger.Ends[want].Load() == before+1 {
		got = want
	}
	return r.one(got, want)
}

func (r *rig) one(got, want frame.Reason) *sent {
	r.Helper()
	if got != want {
		r.Fatalf("the frame ended as %v, want %v", got, want)
	}
	if len(r.sent) == 0 {
		return nil
	}
	return &r.sent[0]
}

// alice and bob build frames; those from bob are addressed to our leg's port.
func alice(a netip.Addr) uplinktest.Station { return uplinktest.Station{Addr: a, MAC: aliceMAC} }

func fromBob(f *frame.Frame) *frame.Frame {
	f.Ethernet().SetDst(legMAC)
	return uplinktest.Parse(f)
}

func bob(a netip.Addr) uplinktest.Station { return uplinktest.Station{Addr: a, MAC: bobMAC} }

// hops is how many routers a packet may still pass.
func hops(f *frame.Frame) uint8 {
	if b := f.Bytes()[f.L3:]; b[0]>>4 == 4 {
		return frame.IPv4(b).TTL()
	} else {
		return frame.IPv6(b).HopLimit()
	}
}
