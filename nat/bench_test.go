package nat

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"vswitch/internal/frame"
)

// remoteOf returns a remote endpoint by number.
func remoteOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 16), byte(i >> 8)}), uint16(1000+i&0xff))
}

// fill opens n UDP flows of a source for each 50,000 and returns the frames of some.
func fill(tb testing.TB, t *Table, n int) []*frame.Frame {
	tb.Helper()
	var some []*frame.Frame
	f := slot(tb, udp(at(hostA, 5000), remoteOf(0)))
	for i := range n {
		setEnds(f, netip.AddrFrom4([4]byte{10, 0, byte(1 + i/50000), 2}), uint16(2000+i%50), remoteOf(i))
		keep := i%max(n/1024, 1) == 0
		var g *frame.Frame
		if keep {
			g = slot(tb, f.Bytes())
			some = append(some, g)
		}
		if r := t.Out(1e9, f); r != frame.Accepted {
			tb.Fatalf("flow %d: %v", i, r)
		}
	}
	return some
}

// setEnds makes a UDP frame without checksum be between two endpoints.
func setEnds(f *frame.Frame, src netip.Addr, sport uint16, dst netip.AddrPort) {
	ip, u := f.IPv4(), f.UDP()
	ip.SetSrc(src)
	ip.SetDst(dst.Addr())
	u.SetSrcPort(sport, frame.Partial)
	u.SetDstPort(dst.Port(), frame.Partial)
}

// BenchmarkEstablished is one packet out of a flow that is known.
func BenchmarkEstablished(b *testing.B) {
	for _, n := range []int{1, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t, err := New(Config{Seed: 1, MaxFlows: n})
			must(b, err)
			t.SetOuter(Outer{V4: netip.MustParseAddr(outer4)})
			some := fill(b, t, n)
			runtime.GC()
			src := some[0].IPv4().Src()
			g := some[0]
			i, step := 0, 0
			b.ResetTimer()
			for range b.N {
				// Endpoints are set for each packet, so that the flows are as many and as far
				// apart as they say.
				i += 7919
				if i >= n {
					i %= n
				}
				src = netip.AddrFrom4([4]byte{10, 0, byte(1 + i/50000), 2})
				setEnds(g, src, uint16(2000+i%50), remoteOf(i))
				if r := t.Out(1e9, g); r != frame.Accepted {
					b.Fatal(r)
				}
				step++
			}
		})
	}
	b.Run("frame only", func(b *testing.B) {
		g := slot(b, udp(at(hostA, 5000), remoteOf(0)))
		i := 0
		for range b.N {
			i = (i + 7919) % 1_000_000
			setEnds(g, netip.AddrFrom4([4]byte{10, 0, byte(1 + i/50000), 2}), uint16(2000+i%50), remoteOf(i))
		}
	})
}
