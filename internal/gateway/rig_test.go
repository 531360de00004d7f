package gateway

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The networks of most tests: "a", with a station on it, is served; "b" is another
// ordinary one, "r" a routed one.
var (
	gwMAC   = frame.MAC(0x02_00_00_00_00_01)
	bMAC    = frame.MAC(0x02_00_00_00_00_02)
	rMAC    = frame.MAC(0x02_00_00_00_00_03)
	askMAC  = frame.MAC(0x02_00_00_00_00_0a) // the station that asks
	nextMAC = frame.MAC(0x02_00_00_00_00_0b) // its neighbour
	farMAC  = frame.MAC(0x02_00_00_00_00_0c) // one on r

	gw4, gw6     = ip("10.0.0.1"), ip("fd00:a::1")
	ask4, ask6   = ip("10.0.0.10"), ip("fd00:a::10")
	next4, next6 = ip("10.0.0.11"), ip("fd00:a::11")
	b4, b6       = ip("10.0.1.1"), ip("fd00:b::1")
	r4, r6       = ip("10.0.2.1"), ip("fd00:c::1")
	far4, far6   = ip("10.0.2.12"), ip("fd00:c::12")
	outside4     = ip("192.0.2.1")
	outside6     = ip("2001:db8::1")
	gwLL, askLL  = frame.LinkLocalAddr(gwMAC), frame.LinkLocalAddr(askMAC)

	portAsk, portA, portB, portR = frame.PortID(7), frame.PortID(100), frame.PortID(101), frame.PortID(102)
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is the gateway of network a with its surroundings.
type rig struct {
	*Gateway
	t      testing.TB
	router *Router
	b, r   *Gateway
	box    *box
}

func newRig(t testing.TB, edit func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, router: NewRouter(), box: &box{from: portAsk, now: 5}}
	c := Config{Name: "a", MAC: gwMAC, Port: portA, Addrs: prefixes("10.0.0.1/24", "fd00:a::1/64")}
	if edit != nil {
		edit(&c)
	}
	r.Gateway = r.gateway(c)
	r.b = r.gateway(Config{Name: "b", MAC: bMAC, Port: portB, Addrs: prefixes("10.0.1.1/24", "fd00:b::1/64")})
	r.r = r.gateway(Config{
		Name: "r", MAC: rMAC, Port: portR, Addrs: prefixes("10.0.2.1/24", "fd00:c::1/64"), Routed4: true, Routed6: true, MTU: 1400,
	})
	for _, a := range []netip.Addr{ask4, ask6, askLL} {
		r.SetNeighbour(a, askMAC, "static")
	}
	for _, a := range []netip.Addr{next4, next6, frame.LinkLocalAddr(nextMAC)} {
		r.SetNeighbour(a, nextMAC, "static")
	}
	r.r.SetNeighbour(far4, farMAC, "static")
	r.r.SetNeighbour(far6, farMAC, "static")
	return r
}

func (r *rig) gateway(c Config) *Gateway {
	r.t.Helper()
	g, err := New(r.router, c)
	must(r.t, err)
	return g
}

// serve gives the gateway one frame and returns how it ended: Accepted if it
// reentered.
func (r *rig) serve(b []byte) frame.Reason {
	r.t.Helper()
	return r.serveFrame(slot(b))
}

func (r *rig) serveFrame(f *frame.Frame) frame.Reason {
	r.t.Helper()
	if got := f.Parse(); got != frame.Accepted {
		r.t.Fatalf("the test's frame is not one that reaches a gateway: %v", got)
	}
	if got := offload.Check(f); got != frame.Accepted {
		r.t.Fatalf("the test's virtio header does not fit: %v", got)
	}
	r.box.reset()
	r.Serve(r.box, []*frame.Frame{f})
	return r.box.end(r.t)
}

// want serves a frame and checks how it ends and how many answers it gets.
func (r *rig) want(b []byte, reason frame.Reason, answers int) {
	r.t.Helper()
	if got := r.serve(b); got != reason || len(r.box.replies) != answers {
		r.t.Errorf("ended as %v with %d answers, want %v with %d", got, len(r.box.replies), reason, answers)
	}
	for _, b := range r.box.replies {
		judge(r.t, b)
	}
}

// answer serves a frame and returns its only answer, decoded.
func (r *rig) answer(b []byte, reason frame.Reason) gopacket.Packet {
	r.t.Helper()
	r.want(b, reason, 1)
	if r.t.Failed() {
		r.t.FailNow()
	}
	return judge(r.t, r.box.replies[0])
}

// slot puts a frame into a slot of its own, behind an empty virtio header.
func slot(b []byte) *frame.Frame {
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(b)+64)}
	copy(f.Buf[frame.Headroom:], b)
	f.Enter(frame.VnetLen + len(b))
	return f
}

// box is an Outbox in memory.
type box struct {
	now       int64
	from      frame.PortID
	ledger    frame.Ledger
	shared    bool // frames are not owned
	full      bool // no replies are to be had
	replies   [][]byte
	reentered []reentry
}

type reentry struct {
	f    *frame.Frame
	port frame.PortID
}

func (x *box) Now() int64              { return x.now }
func (x *box) Worker() int             { return 0 }
func (x *box) From() frame.PortID      { return x.from }
func (x *box) Ledger() *frame.Ledger   { return &x.ledger }
func (x *box) Owned(*frame.Frame) bool { return !x.shared }
func (x *box) Reenter(f *frame.Frame, p frame.PortID) {
	x.reentered = append(x.reentered, reentry{f, p})
}

func (x *box) Reply(n int) []byte {
	if x.full {
		return nil
	}
	b := make([]byte, n)
	x.replies = append(x.replies, b)
	return b
}

func (x *box) reset() {
	x.replies, x.reentered = nil, nil
	x.ledger = frame.Ledger{}
}

// end returns the reason that the only frame ended with.
func (x *box) end(t testing.TB) frame.Reason {
	t.Helper()
	reason, n := frame.Accepted, len(x.reentered)
	for r := range frame.Reasons {
		if c := x.ledger.Ends[r].Load(); c > 0 {
			reason, n = r, n+int(c)
		}
	}
	if n != 1 {
		t.Fatalf("one frame ended %d times", n)
	}
	return reason
}

// judge decodes a frame with gopacket, which must find no fault, and adds its
// checksums up by itself.
func judge(t testing.TB, b []byte) gopacket.Packet {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true, DecodeStreamsAsDatagrams: false})
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("not a right frame: %v\n%x", e.Error(), b)
	}
	if p.Metadata().Truncated {
		t.Fatalf("truncated: %x", b)
	}
	if p.Layer(layers.LayerTypeARP) != nil {
		return p
	}
	switch l := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if addUp(0, l.Contents) != 0xffff {
			t.Fatalf("wrong IPv4 header checksum: %x", b)
		}
		pseudo := uint64(0)
		if l.Protocol != layers.IPProtocolICMPv4 {
			pseudo = uint64(addUp(uint64(l.Protocol)+uint64(len(l.Payload)), append(l.SrcIP.To4(), l.DstIP.To4()...)))
		}
		transport(t, pseudo, l.Payload)
	case *layers.IPv6:
		pseudo := addUp(uint64(l.NextHeader)+uint64(len(l.Payload)), append(slices.Clone(l.SrcIP), l.DstIP...))
		transport(t, uint64(pseudo), l.Payload)
	default:
		t.Fatalf("neither ARP nor IP: %x", b)
	}
	return p
}

func transport(t testing.TB, pseudo uint64, b []byte) {
	t.Helper()
	if addUp(pseudo, b) != 0xffff {
		t.Fatalf("wrong transport checksum: %x", b)
	}
}

// addUp is the sum of RFC 1071, written as plainly as can be.
func addUp(sum uint64, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// unpadded returns an IP frame without the padding that gopacket gives a short one.
func unpadded(b []byte) []byte {
	f := parsed(b)
	return b[:uint32(f.L3)+f.L3Len]
}

func macOf(hw net.HardwareAddr) frame.MAC { return frame.MACFrom(hw) }

func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}
