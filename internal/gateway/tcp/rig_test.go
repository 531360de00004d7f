package tcp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"

	"vswitch/internal/frame"
	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// TestMain starts the program again in a user namespace when an ordinary user runs
// it, for the tests that need a container.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	gwMAC   frame.MAC = 0x02_00_00_00_00_01
	peerMAC frame.MAC = 0x02_00_00_00_00_02
	port              = 53
)

var (
	gw4, gw6     = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	peer4, peer6 = netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a host with a clock that the test moves, and what it has sent.
type rig struct {
	t     testing.TB
	h     *Host
	l     net.Listener
	now   time.Time
	sent  []*layers.TCP
	wakes int
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Unix(1e9, 0)}
	cfg := Config{
		MAC: gwMAC, Send: r.take, Now: func() time.Time { return r.now },
		Rand: func() uint64 { return 7 }, Wake: func() { r.wakes++ },
	}
	for _, f := range change {
		f(&cfg)
	}
	r.h = NewHost(cfg)
	var err error
	r.l, err = r.h.Listen(port)
	must(t, err)
	t.Cleanup(r.h.Close)
	return r
}

// take has gopacket read a frame of the host, and checks what all of them share.
func (r *rig) take(b []byte) {
	r.t.Helper()
	if sums, err := testnet.CheckSums(b); err != nil || sums != testnet.Complete {
		r.t.Errorf("checksums %v, %v: %x", sums, err, b)
		return
	}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	eth := p.LinkLayer().(*layers.Ethernet)
	if frame.MACFrom(eth.SrcMAC) != gwMAC || frame.MACFrom(eth.DstMAC) != peerMAC {
		r.t.Errorf("a frame from %v to %v", eth.SrcMAC, eth.DstMAC)
	}
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if ip.Flags != layers.IPv4DontFragment || ip.TTL != 64 || int(ip.Length) != len(b)-frame.EthernetLen {
			r.t.Errorf("%+v", ip)
		}
	case *layers.IPv6:
		if ip.HopLimit != 64 || int(ip.Length) != len(b)-frame.EthernetLen-frame.IPv6Len {
			r.t.Errorf("%+v", ip)
		}
	}
	if len(b)-frame.EthernetLen > r.h.cfg.MTU {
		r.t.Errorf("%d bytes exceed the MTU", len(b))
	}
	r.sent = append(r.sent, p.TransportLayer().(*layers.TCP))
}

// got returns what was sent since it was called last.
func (r *rig) got() []*layers.TCP {
	sent := r.sent
	r.sent = nil
	return sent
}

// one returns the only segment that was sent.
func (r *rig) one() *layers.TCP {
	r.t.Helper()
	got := r.got()
	if len(got) != 1 {
		r.t.Fatalf("%d segments, want one: %v", len(got), flags(got...))
	}
	return got[0]
}

// none fails if something was sent.
func (r *rig) none() {
	r.t.Helper()
	if got := r.got(); len(got) != 0 {
		r.t.Fatalf("%d segments, want none: %v", len(got), flags(got...))
	}
}

// advance moves the clock and ticks whenever the host wants it.
func (r *rig) advance(d time.Duration) {
	end := r.now.Add(d)
	for next := r.h.NextTimer(); !next.IsZero() && !next.After(end); next = r.h.NextTimer() {
		r.now = next
		r.h.Tick(r.now)
	}
	r.now = end
	r.h.Tick(r.now)
}

func (r *rig) accept() *Conn {
	r.t.Helper()
	c, err := r.l.Accept()
	must(r.t, err)
	return c.(*Conn)
}

// flags names what segments are.
func flags(segs ...*layers.TCP) (names []string) {
	for _, s := range segs {
		name := ""
		for _, f := range []struct {
			on   bool
			name string
		}{{s.SYN, "S"}, {s.FIN, "F"}, {s.RST, "R"}, {s.PSH, "P"}, {s.ACK, "."}} {
			if f.on {
				name += f.name
			}
		}
		names = append(names, name)
	}
	return names
}

// station is a peer whose every segment the test says.
type station struct {
	*rig
	local, remote netip.AddrPort
	seq, ack      uint32 // of what it sends next
	window        uint16
	mss           uint16
}

func (r *rig) station(v6 bool, srcPort uint16) *station {
	p := &station{
		rig: r, local: netip.AddrPortFrom(peer4, srcPort), remote: netip.AddrPortFrom(gw4, port),
		seq: 1000, window: 65535, mss: 1460,
	}
	if v6 {
		p.local, p.remote = netip.AddrPortFrom(peer6, srcPort), netip.AddrPortFrom(gw6, port)
	}
	return p
}

// say sends a segment at the station's numbers, which stay as they are.
func (p *station) say(flags uint8, payload string) { p.sayAt(p.seq, flags, payload) }

func (p *station) sayAt(seq uint32, flags uint8, payload string) {
	p.t.Helper()
	p.h.Input(p.frame(seq, flags, payload))
}

// frame has gopacket build a segment.
func (p *station) frame(seq uint32, flags uint8, payload string) []byte {
	p.t.Helper()
	eth := &layers.Ethernet{SrcMAC: peerMAC.HardwareAddr(), DstMAC: gwMAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv6}
	seg := &layers.TCP{
		SrcPort: layers.TCPPort(p.local.Port()), DstPort: layers.TCPPort(p.remote.Port()), Seq: seq, Ack: p.ack, Window: p.window,
		SYN: flags&syn != 0, ACK: flags&ack != 0, FIN: flags&fin != 0, RST: flags&rst != 0, PSH: flags&psh != 0,
	}
	if flags&syn != 0 && p.mss != 0 {
		seg.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{byte(p.mss >> 8), byte(p.mss)}}}
	}
	src, dst := p.local.Addr().AsSlice(), p.remote.Addr().AsSlice()
	var ip gopacket.SerializableLayer
	if p.local.Addr().Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: src, DstIP: dst}
		ip = v4
		must(p.t, seg.SetNetworkLayerForChecksum(v4))
	} else {
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: src, DstIP: dst}
		ip = v6
		must(p.t, seg.SetNetworkLayerForChecksum(v6))
	}
	b := gopacket.NewSerializeBuffer()
	must(p.t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		eth, ip, seg, gopacket.Payload(payload)))
	return b.Bytes()
}

// knock sends a SYN and returns the answer, which it takes in.
func (p *station) knock() *layers.TCP {
	p.t.Helper()
	p.say(syn, "")
	got := p.one()
	p.seq++
	p.ack = got.Seq + 1
	return got
}

// connect shakes hands and returns the service's end.
func (p *station) connect() *Conn {
	p.t.Helper()
	p.knock()
	p.say(ack, "")
	p.none()
	return p.accept()
}

// send sends text and moves on behind it.
func (p *station) send(payload string) {
	p.t.Helper()
	p.say(ack|psh, payload)
	p.seq += uint32(len(payload))
}

// acks wants the only segment to be an ACK of all that the station has sent.
func (p *station) acks() {
	p.t.Helper()
	if s := p.one(); flags(s)[0] != "." || s.Ack != p.seq || len(s.Payload) != 0 {
		p.t.Fatalf("%v acknowledges %d with %d bytes, want %d", flags(s), s.Ack, len(s.Payload), p.seq)
	}
}

// reads wants the service to have exactly this to read.
func reads(t testing.TB, c *Conn, want string) {
	t.Helper()
	b := make([]byte, len(want)+1)
	n := 0
	if want != "" {
		var err error
		n, err = c.Read(b)
		must(t, err)
	}
	if string(b[:n]) != want || len(c.rcv.buf) != 0 {
		t.Fatalf("read %q and %d bytes more, want %q", b[:n], len(c.rcv.buf), want)
	}
}

// fails wants an error of a kind.
func fails(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func addrPort(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }
