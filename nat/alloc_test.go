package nat

import (
	"net/netip"
	"runtime"
	"testing"

	"vswitch/internal/frame"
)

// A packet of a flow that is known allocates nothing, nor does one that is refused.
func TestNoAllocations(t *testing.T) {
	r := newRig(t)
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoTCP, "", 8080, at(hostA, 80))}))
	r.out(udp(at(hostB, 5000), x))
	a6, x6 := at(hostA6, 5000), at(hostX6, 80)
	tcpOut, udpOut := r.connect(a, x), r.out(udp(a, x))
	tcp6Out := r.connect(a6, x6)
	echoOut := r.out(echo(hostA, hostX, 5000, true))
	for name, c := range map[string]struct {
		o    op
		b    []byte
		want frame.Reason
	}{
		"tcp out": {opOut, tcp(a, x, ackFlag), 0}, "tcp in": {opIn, tcp(x, tcpOut.src, ackFlag), 0},
		"tcp6 out": {opOut, tcp(a6, x6, ackFlag), 0}, "tcp6 in": {opIn, tcp(x6, tcp6Out.src, ackFlag), 0},
		"udp out": {opOut, udp(a, x), 0}, "udp in": {opIn, udp(x, udpOut.src), 0}, "hairpin": {opHair, udp(a, at(outer4, 5000)), 0},
		"echo out": {opOut, echo(hostA, hostX, 5000, true), 0}, "echo in": {opIn, echo(hostX, outer4, echoOut.src.Port(), false), 0},
		"error in": {opIn, complain(hostX, udpOut.bytes, 3, 3, 500), 0},
		"no flow":  {opIn, udp(x, at(outer4, 9)), frame.DropNoFlow}, "not a SYN": {opOut, tcp(b, y, ackFlag), frame.DropNoFlow},
	} {
		f := slot(t, c.b)
		n := testing.AllocsPerRun(100, func() {
			copy(f.Bytes(), c.b)
			if got := r.t.do(c.o, r.now, f); got != c.want {
				t.Errorf("%s: %v", name, got)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A million flows fit into 256 MB, 256 bytes each, with all that belongs to them. With Restricted
// most belongs to them.
func TestMemoryOfAMillionFlows(t *testing.T) {
	const n, most = manyFlows, 256 * manyFlows
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	table, err := New(Config{Seed: 1, Personality: Restricted})
	must(t, err)
	table.SetOuter(Outer{V4: netip.MustParseAddr(outer4)})
	fill(t, table, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	live, system := int64(after.HeapAlloc-before.HeapAlloc), int64(after.Sys-before.Sys)
	t.Logf("%d MB live, %d MB more from the system", live>>20, system>>20)
	if c := table.Counts(); c.Flows != n || c.Evicted != 0 {
		t.Errorf("%+v", c)
	}
	if live > most {
		t.Errorf("%d bytes, more than %d", live, most)
	}
	runtime.KeepAlive(table)
}
