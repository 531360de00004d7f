package nat

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// Addresses of the tests: a and b are inside, x and y outside, outer is the NAT.
const (
	hostA, hostB   = "10.0.0.2", "10.0.0.3"
	hostX, hostY   = "198.51.100.7", "203.0.113.9"
	outer4         = "192.0.2.1"
	hostA6, hostB6 = "fd00::2", "fd00::3"
	hostX6, hostY6 = "2001:db8:1::7", "2001:db8:2::9"
	outer6         = "2001:db8::1"
)

// rig is a table with a clock.
type rig struct {
	testing.TB
	t   *Table
	now int64
}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	c := Config{Seed: 42}
	for _, e := range edit {
		e(&c)
	}
	table, err := New(c)
	must(t, err)
	table.SetOuter(Outer{netip.MustParseAddr(outer4), netip.MustParseAddr(outer6)})
	return &rig{t, table, 1e12}
}

func personality(p Personality) func(*Config) { return func(c *Config) { c.Personality = p } }

func ports(lo, hi uint16) func(*Config) {
	return func(c *Config) { c.MinPort, c.MaxPort = lo, hi }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pass lets time go by, with Expire as it is to be called.
func (r *rig) pass(d time.Duration) {
	end := r.now + int64(d)
	for r.now < end {
		next := r.t.Expire(r.now)
		r.now = min(max(next, r.now+second), end)
	}
	r.t.Expire(r.now)
}

// slot makes a parsed frame of bytes.
func slot(t testing.TB, b []byte) *frame.Frame {
	t.Helper()
	f := slotOf(b)
	if r := f.Parse(); r != frame.Accepted {
		t.Fatalf("the test's frame: %v\n%x", r, b)
	}
	return f
}

// slotOf is slot for bytes of whatever kind.
func slotOf(b []byte) *frame.Frame {
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(b)), Off: frame.Headroom, Len: len(b)}
	copy(f.Bytes(), b)
	f.Parse()
	return f
}

// do carries out one operation and returns the reason with the packet that came out,
// whose checksums have been verified.
func (r *rig) do(o op, b []byte) (frame.Reason, *seen) {
	r.Helper()
	f := slot(r, b)
	reason := r.t.do(o, r.now, f)
	if reason != frame.Accepted {
		return reason, nil
	}
	return reason, r.see(f)
}

// out, in and hair want the packet accepted.
func (r *rig) out(b []byte) *seen  { r.Helper(); return r.accept(opOut, b) }
func (r *rig) in(b []byte) *seen   { r.Helper(); return r.accept(opIn, b) }
func (r *rig) hair(b []byte) *seen { r.Helper(); return r.accept(opHair, b) }

func (r *rig) accept(o op, b []byte) *seen {
	r.Helper()
	reason, s := r.do(o, b)
	if reason != frame.Accepted {
		r.Fatalf("op %d: %v: %v", o, reason, decode(b))
	}
	return s
}

// refuse wants the packet to end with a reason.
func (r *rig) refuse(o op, b []byte, want frame.Reason) {
	r.Helper()
	if got, s := r.do(o, b); got != want {
		r.Errorf("op %d: %v, want %v; became %v\n%v", o, got, want, s, decode(b))
	}
}

// seen is a packet by gopacket.
type seen struct {
	gopacket.Packet
	bytes    []byte
	src, dst netip.AddrPort
}

func decode(b []byte) gopacket.Packet {
	return gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
}

// see decodes an accepted frame and verifies its checksums.
func (r *rig) see(f *frame.Frame) *seen {
	r.Helper()
	b := bytes.Clone(f.Bytes())
	s := &seen{Packet: decode(b), bytes: b}
	s.src, s.dst = ends(s.Packet)
	r.t.check(r)
	if f.Flags&frame.FlagIPv4 != 0 && !f.IPv4().ChecksumOK() {
		r.Errorf("IPv4 checksum: %v", s.Packet)
	}
	noSum := f.L4 != 0 && f.Proto == frame.ProtoUDP && f.UDP().Checksum() == 0
	if f.L4 != 0 && !noSum && f.Flags&frame.FlagFragment == 0 && !offload.Vnet(f.Vnet()).Partial() {
		verify(r, s.Packet, b)
	}
	return s
}

func ends(p gopacket.Packet) (src, dst netip.AddrPort) {
	var a, b netip.Addr
	switch n := p.NetworkLayer().(type) {
	case *layers.IPv4:
		a, b = toAddr(n.SrcIP), toAddr(n.DstIP)
	case *layers.IPv6:
		a, b = toAddr(n.SrcIP), toAddr(n.DstIP)
	}
	var sport, dport uint16
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.TCP:
			sport, dport = uint16(l.SrcPort), uint16(l.DstPort)
		case *layers.UDP:
			sport, dport = uint16(l.SrcPort), uint16(l.DstPort)
		case *layers.ICMPv4:
			sport = l.Id
		case *layers.ICMPv6Echo:
			sport = l.Identifier
		}
	}
	return netip.AddrPortFrom(a, sport), netip.AddrPortFrom(b, dport)
}

func toAddr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

// transport prepares a transport layer for its checksum and reports whether l is one.
func transport(l gopacket.Layer, net gopacket.NetworkLayer) bool {
	switch l := l.(type) {
	case *layers.TCP:
		l.SetNetworkLayerForChecksum(net)
	case *layers.UDP:
		l.SetNetworkLayerForChecksum(net)
	case *layers.ICMPv6:
		l.SetNetworkLayerForChecksum(net)
	case *layers.ICMPv4:
	default:
		return false
	}
	return true
}

// verify computes the checksums of a packet anew and compares all of its bytes.
func verify(t testing.TB, p gopacket.Packet, b []byte) {
	t.Helper()
	var all []gopacket.SerializableLayer
	net := p.NetworkLayer()
	for _, l := range p.Layers() {
		s, ok := l.(gopacket.SerializableLayer)
		if !ok {
			s = gopacket.Payload(l.LayerContents())
		}
		if all = append(all, s); transport(l, net) {
			all = append(all, gopacket.Payload(l.LayerPayload()))
			break
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true, FixLengths: true}, all...); err != nil {
		t.Fatalf("serialize %v: %v", p, err)
	}
	want := buf.Bytes() // gopacket pads short frames
	if n := min(len(b), len(want)); !bytes.Equal(b[:n], want[:n]) {
		t.Errorf("checksums differ:\n got %.80x\nwant %.80x\n%.500v", b, want, p)
	}
}

// check looks at the books: every live record is found both ways, and all counts agree.
func (t *Table) check(tb testing.TB) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	live, hosts := 0, map[addr]int{}
	perMapping, holders := map[uint32]uint32{}, map[uint32]uint32{}
	for id := range t.flows.used {
		r := t.flows.at(id)
		k, _, ok := r.key()
		if !ok {
			continue
		}
		live++
		hosts[k.inside.a]++
		for d, near := range [2]end{k.inside, k.outer} {
			if m, ok, _ := t.find(dir(d), &packet{kind: k.kind, near: near, remote: k.remote}); !ok || m.id != id {
				tb.Errorf("flow %d %+v is not found by way %d", id, k, d)
			}
		}
		if r.mapping == none {
			continue
		}
		perMapping[r.mapping]++
		if r.holds {
			holders[r.mapping]++
		}
	}
	mapped := 0
	for id := range t.mappings.used {
		m := t.mappings.at(id)
		if !m.dead {
			mapped++
		}
		if m.flows != perMapping[id] || m.holders != holders[id] {
			tb.Errorf("mapping %d has %d flows, %d holders; says %d, %d", id, perMapping[id], holders[id], m.flows, m.holders)
		}
	}
	deadlines, indexed := 0, 0
	for i := range t.wheels {
		deadlines += t.wheels[i].Len()
	}
	for i := range t.index.shards {
		indexed += t.index.shards[i].n
	}
	if live != t.live || deadlines != live || indexed != 2*live || mapped != t.mapped {
		tb.Errorf("%d flows, %d counted, %d deadlines, %d indexed; %d mappings, %d counted", live, t.live, deadlines, indexed, mapped, t.mapped)
	}
	for a, n := range hosts {
		if s := t.sources[a]; s == nil || s.flows != n {
			tb.Errorf("host %x has %d flows; says %+v", a, n, s)
		}
	}
	if len(hosts) != len(t.sources) {
		tb.Errorf("%d hosts, of which %d have flows", len(t.sources), len(hosts))
	}
	t.checkQueues(tb)
}

// checkQueues: the lists of all have what the lists of the sources have together.
func (t *Table) checkQueues(tb testing.TB) {
	tb.Helper()
	count := func(list int, l queue) (n int) {
		for id, prev := l.first, none; id != none; n++ {
			r := t.flows.at(id)
			if r.prev[list] != prev || r.gen.Load()&1 == 0 {
				tb.Errorf("record %d of list %d: %+v", id, list, r)
				break
			}
			id, prev = r.next[list], id
		}
		return n
	}
	for q := range queues {
		all, own := count(ofAll, t.queues[q]), 0
		for _, s := range t.sources {
			own += count(ofSource, s.queues[q])
		}
		if all != own {
			tb.Errorf("queue %d has %d flows, those of the sources %d", q, all, own)
		}
	}
}
