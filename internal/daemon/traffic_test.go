package daemon

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
)

func noOffloads(c *MemberConfig) { c.MaxOffloads = tap.NoOffloads }

func TestPing(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		a.MustPing(t, b.V4, 20)
		b.MustPing(t, a.V6, 20)
		a.MustPing(t, b.V4, 3, "-s", "20000") // fragments
		a.MustPing(t, b.V6, 3, "-s", "20000")
		kinds, _ := r.Switch().Kinds(a.Port())
		if kinds.Broadcast == 0 || kinds.Unicast < 40 || kinds.Unknown != 0 {
			t.Errorf("kinds of the frames of a: %+v", kinds)
		}
		// The guard took nothing honest for a lie, and neighbours were found by it.
		if n := r.drops(frame.DropSpoofIP) + r.drops(frame.DropSpoofARP) + r.drops(frame.DropSpoofMAC); n != 0 {
			t.Errorf("%d honest frames taken for spoofed: %v", n, ends(r.Totals()))
		}
		for _, args := range [][]string{{"ip", "-4", "neigh", "show", b.V4.String()}, {"ip", "-6", "neigh", "show", b.V6.String()}} {
			if out := a.Run(t, args...); !strings.Contains(out, b.host().MAC.String()) {
				t.Errorf("%q: %q", args, out)
			}
		}
	})
}

func TestIperfTCP(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		for _, l := range []testnet.Load{
			{Streams: 1}, {Streams: 1, Reverse: true}, {Streams: 4}, {Streams: 4, Reverse: true}, {To: b.V6},
		} {
			l.Bytes = "400M"
			got := testnet.Iperf(t, a.host(), b.host(), l)
			t.Logf("%+v: %+v", l, got)
			if got.Received == 0 || got.Received > got.Sent {
				t.Errorf("%+v: %+v", l, got)
			}
		}
		checkSuperFrames(t, r)
	})
}

// checkSuperFrames: with offloads a frame is many segments long on average, or
// somebody has cut them.
func checkSuperFrames(t *testing.T, r *rig) {
	t.Helper()
	totals := r.rest()
	if mean := totals.RxBytes / max(totals.RxFrames, 1); mean < 4*1500 {
		t.Errorf("frames are %d bytes long on average: no super-frames (%+v)", mean, totals)
	}
	if n := totals.Dropped(); n > totals.RxFrames/100 {
		t.Errorf("%d of %d frames dropped: %v", n, totals.RxFrames, ends(totals))
	}
}

func TestIperfUDP(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		for _, l := range []testnet.Load{
			{UDP: true, Rate: "0", Length: 64}, {UDP: true, Rate: "0", Length: 1400, Reverse: true},
			{UDP: true, Rate: "50M", Length: 1400, To: b.V6},
		} {
			got := testnet.Iperf(t, a.host(), b.host(), l)
			t.Logf("%+v: %+v", l, got)
			if got.Packets == 0 || got.Lost >= got.Packets {
				t.Errorf("%+v: %+v", l, got)
			}
		}
	})
}

// Bytes arrive as they were sent, over super-frames, over plain frames, and from
// one kind of device to the other.
func TestPayloadArrivesAsItIs(t *testing.T) {
	const n = 64 << 20
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		plain, plain2 := r.join("plain", 3, noOffloads), r.join("plain2", 4, noOffloads)
		testnet.Transfer(t, a.host(), b.host(), b.V4, n)
		testnet.Transfer(t, b.host(), a.host(), a.V6, n)
		checkSuperFrames(t, r)
		testnet.Transfer(t, a.host(), plain.host(), plain.V4, n)
		testnet.Transfer(t, plain.host(), a.host(), a.V6, n/4)
		testnet.Transfer(t, plain.host(), plain2.host(), plain2.V4, n/4)
	})
}

// tcpdump in the receiving container sees whole streams. From a sender without
// offloads every frame is short and its checksums are complete; from one with
// offloads there are super-frames, whose checksum is complete or left to the
// offload in the one right way.
func TestTCPDumpSeesRightFrames(t *testing.T) {
	const n = 1 << 20
	eachLoop(t, func(t *testing.T, r *rig) {
		b := r.join("b", 2)
		for i, changes := range [][]change{{noOffloads}, nil} {
			a := r.join(fmt.Sprint("a", i), 10+i, changes...)
			c := b.Capture(t, "tcp or udp port 9")
			sum := testnet.Transfer(t, a.host(), b.host(), b.V4, n)
			a.Mark(t, b.host())
			frames := testnet.From(c.Frames(t), a.V4)
			data, err := testnet.Stream(frames)
			if err != nil || sha256.Sum256(data) != sum {
				t.Errorf("the captured stream is not what was sent: %d bytes, %v", len(data), err)
			}
			longest, partial := examine(t, frames)
			t.Logf("offloads %v: %d frames, longest %d bytes, %d partial sums", a.Device().Offloads(), len(frames), longest, partial)
			if plain := a.Device().Offloads() == 0; plain && (longest > 1514 || partial > 0) || !plain && longest <= 1514 {
				t.Errorf("offloads %v: the longest frame has %d bytes, %d partial checksums", a.Device().Offloads(), longest, partial)
			}
		}
	})
}

// examine checks the sums of all frames.
func examine(t *testing.T, frames [][]byte) (longest, partial int) {
	t.Helper()
	for i, b := range frames {
		sums, err := testnet.CheckSums(b)
		if err != nil {
			t.Fatalf("frame %d of %d bytes: %v", i, len(b), err)
		}
		if sums == testnet.Partial {
			partial++
		}
		longest = max(longest, len(b))
	}
	return longest, partial
}

func TestJumboFrames(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b, small := r.join("a", 1, mtu(9000)), r.join("b", 2, mtu(9000)), r.join("small", 3)
		a.MustPing(t, b.V4, 5, "-M", "do", "-s", "8972")
		a.MustPing(t, b.V6, 5, "-M", "do", "-s", "8952")
		testnet.Transfer(t, a.host(), b.host(), b.V4, 16<<20)

		a.MustPing(t, small.V4, 1)
		r.expectDrops(frame.DropMTU, 3, func() {
			if got := a.Ping(t, small.V4, 3, "-M", "do", "-s", "8972", "-W", "1"); got != 0 {
				t.Errorf("%d pings of 9000 bytes came through a port of 1500", got)
			}
		})
		if totals, _, _ := small.Totals(); totals.Ends[frame.DropMTU] != 3 || frame.DropMTU.String() != "mtu" {
			t.Errorf("the port of 1500 bytes counts %v", ends(totals))
		}
		// TCP agrees on segments that fit; super-frames of them pass.
		testnet.Transfer(t, a.host(), small.host(), small.V4, 16<<20)
		testnet.Transfer(t, small.host(), a.host(), a.V4, 16<<20)
		if got := r.drops(frame.DropMTU); got != 3 {
			t.Errorf("%d frames dropped for their length, want 3", got)
		}
	})
}
