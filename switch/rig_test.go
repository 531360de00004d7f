package vswitch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vswitch/internal/frame"
)

// rig is a switch under test with a clock.
type rig struct {
	testing.TB
	sw  *Switch
	now int64
}

// newRig makes a switch with ports, numbered from 0.
func newRig(t testing.TB, cfg Config, ports ...PortConfig) *rig {
	t.Helper()
	r := &rig{TB: t, sw: New(cfg), now: 1e9}
	for i, p := range ports {
		if id := r.add(p); id != frame.PortID(i) {
			t.Fatalf("port %d got the number %d", i, id)
		}
	}
	return r
}

// add adds a port.
func (r *rig) add(cfg PortConfig) frame.PortID {
	r.Helper()
	id, err := r.sw.AddPort(cfg)
	r.must(err)
	return id
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// wait lets seconds pass.
func (r *rig) wait(seconds int64) { r.now += seconds * second }

// batch parses frames into a batch as the engine does.
func (r *rig) batch(in frame.PortID, frames ...[]byte) *frame.Batch {
	b := &frame.Batch{In: in, Now: r.now, N: len(frames), Frames: make([]frame.Frame, len(frames))}
	for i, bytes := range frames {
		f := &b.Frames[i]
		f.Buf, f.Len = bytes, len(bytes)
		f.Drop = f.Parse()
	}
	return b
}

// send forwards one frame and returns its verdict as text, see verdict.
func (r *rig) send(in frame.PortID, bytes []byte) string {
	b := r.batch(in, bytes)
	r.sw.Forward(0, b)
	return verdict(in, &b.Frames[0])
}

// expect sends a frame and compares its verdict.
func (r *rig) expect(in frame.PortID, bytes []byte, want string) {
	r.Helper()
	if got := r.send(in, bytes); got != want {
		r.Errorf("port %d sends %x...: got %q, want %q", in, bytes[:14], got, want)
	}
}

// learn has a station send by a port.
func (r *rig) learn(in frame.PortID, mac frame.MAC, tags ...uint16) {
	r.send(in, plain(frame.Broadcast, mac, tags...))
}

// where returns the port of a station in VLAN 1 as text; "-" if it is unknown.
func (r *rig) where(mac frame.MAC) string {
	e, ok := r.sw.Lookup(mac, 1, r.now)
	if !ok {
		return "-"
	}
	return fmt.Sprint(e.Port)
}

// verdict writes a verdict as the reason of the drop, or the ports that the frame
// leaves by, "2" untagged and "2/10" with tag 10.
func verdict(in frame.PortID, f *frame.Frame) string {
	if f.Drop != frame.Accepted {
		return f.Drop.String()
	}
	var out []string
	for _, e := range f.Out {
		switch {
		case e.Port == in:
		case e.VID == 0:
			out = append(out, fmt.Sprint(e.Port))
		default:
			out = append(out, fmt.Sprintf("%d/%d", e.Port, e.VID))
		}
	}
	return strings.Join(out, " ")
}

// station returns the address of station i; all are unicast and not zero.
func station(i int) frame.MAC { return 0x02_00_10_00_00_00 + frame.MAC(i) }

// random returns a generator whose numbers are the same in each run.
func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
