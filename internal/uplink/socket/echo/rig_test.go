package echo

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink/fragment"
	"vswitch/internal/uplink/uplinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	alice4, alice6 = uplinktest.Alice4, uplinktest.Alice6
	bob4           = uplinktest.Bob4
	loop4, loop6   = uplinktest.Loopback4, uplinktest.Loopback6
	// everyone and nobody are settings of ping_group_range.
	everyone, nobody = "0 2147483647", "1 0"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a shard whose host is a namespace of the test's.
type rig struct {
	*uplinktest.Worker
	s  *Shard
	ns *netnsx.NS
}

// opened is unix.Socket in namespace ns.
func opened(ns *netnsx.NS) opener {
	return func(family, typ, proto int) (fd int, err error) {
		err = ns.Do(func() (err error) {
			fd, err = unix.Socket(family, typ, proto)
			return err
		})
		return fd, err
	}
}

func newNS(t testing.TB, way Way) *netnsx.NS {
	t.Helper()
	testnet.NeedRoot(t)
	ns, err := netnsx.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	must(t, ns.SetSysctl("net.ipv4.ping_group_range", map[Way]string{Ping: everyone, Raw: nobody}[way]))
	return ns
}

func newRig(t testing.TB, way Way, change ...func(*Config)) *rig {
	t.Helper()
	ns := newNS(t, way)
	r := &rig{Worker: uplinktest.New(t), ns: ns}
	r.start(opened(ns), change...)
	if got := r.s.way(false); got != way {
		t.Fatalf("the way out is by %v, want %v", got, way)
	}
	return r
}

// start makes the shard; at the end of the test it is closed, and nothing is left.
func (r *rig) start(open opener, change ...func(*Config)) {
	cfg := Config{Watch: r.Worker, Seed: 0x1234567890abcdef, Now: r.Clock}
	for _, c := range change {
		c(&cfg)
	}
	r.s = newShard(cfg, open)
	r.Shard = r.s
	r.T.Cleanup(func() {
		r.s.Close()
		if n := r.Watched(); n != 0 || r.s.Counts().Flows != 0 {
			r.T.Errorf("%d descriptors are still watched, %d flows are left", n, r.s.Counts().Flows)
		}
	})
}

// eachWay runs a test by both ways and for both families.
func eachWay(t *testing.T, test func(t *testing.T, r *rig, from uplinktest.Station, to netip.Addr)) {
	for _, way := range []Way{Ping, Raw} {
		for _, c := range []struct {
			from uplinktest.Station
			to   netip.Addr
		}{{alice4, loop4}, {alice6, loop6}} {
			t.Run(fmt.Sprintf("%v to %v", way, c.to), func(t *testing.T) { test(t, newRig(t, way), c.from, c.to) })
		}
	}
}

// pieces keeps frames that enter without the check of their checksums, which a fragment
// has none of.
func (r *rig) pieces() {
	r.OnEnter = func(port frame.PortID, b []byte) {
		f := &frame.Frame{Buf: bytes.Clone(b), Off: frame.VnetLen, Len: len(b) - frame.VnetLen}
		if end := f.Parse(); end != frame.Accepted {
			r.T.Errorf("a frame that entered is malformed: %v", end)
		}
		r.Entered = append(r.Entered, uplinktest.Entered{Port: port, Frame: f})
	}
}

// hops sets a packet's time to live.
func hops(f *frame.Frame, n uint8) *frame.Frame {
	if f.Flags&frame.FlagIPv4 != 0 {
		f.IPv4().SetTTL(n)
	} else {
		f.IPv6().SetHopLimit(n)
	}
	return f
}

func hopsOf(f *frame.Frame) uint8 {
	if f.Flags&frame.FlagIPv4 != 0 {
		return f.IPv4().TTL()
	}
	return f.IPv6().HopLimit()
}

// fragments cuts a packet into fragments of n bytes of payload.
func fragments(f *frame.Frame, n int, id uint32) (out []*frame.Frame) {
	src, dst := uplinktest.Ends(f)
	s, body := uplinktest.Station{Addr: src.Addr(), MAC: f.Src}, uplinktest.L4(f)
	for at := 0; at < len(body); at += n {
		out = append(out, s.Fragment(dst.Addr(), f.Proto, id, at, at+n < len(body), body[at:min(at+n, len(body))]))
	}
	return out
}

// joined puts fragments together that came in their order.
func joined(t *testing.T, all []uplinktest.Entered) []byte {
	t.Helper()
	var out []byte
	for i, e := range all {
		if size := e.Len - frame.EthernetLen; size > uplinktest.MTU {
			t.Errorf("fragment %d has %d bytes", i, size)
		}
		q := head(e.Frame)
		p, ok := fragment.Read(1, q.proto(), e.Frame)
		if !ok || p.At != len(out) || p.More != (i < len(all)-1) {
			t.Fatalf("fragment %d of %d at %d, %d bytes before: more %v, %v", i, len(all), p.At, len(out), p.More, ok)
		}
		out = append(out, p.Body...)
	}
	return out
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// checkReply compares an answer with its request.
func checkReply(t *testing.T, f *frame.Frame, from uplinktest.Station, to netip.Addr, id, seq uint16, payload []byte) {
	t.Helper()
	src, dst := uplinktest.Ends(f)
	m := frame.ICMPv4(uplinktest.L4(f))
	if src.Addr() != to || dst.Addr() != from.Addr || f.Dst != from.MAC || f.Src != uplinktest.GatewayMAC {
		t.Errorf("the answer is from %v %v to %v %v", f.Src, src, f.Dst, dst)
	}
	if m.Type() != replyType(to.Is6()) || m.Code() != 0 || m.ID() != id || m.Seq() != seq || !bytes.Equal(m.Payload(), payload) {
		t.Errorf("the answer is type %d, identifier %d, sequence number %d, %d bytes", m.Type(), m.ID(), m.Seq(), len(m.Payload()))
	}
}

func wantEnds(t *testing.T, got []frame.Reason, want ...frame.Reason) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("ends %v, want %v", got, want)
	}
}
