package tcp

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// bothVersions runs a test with IPv4 and with IPv6.
func bothVersions(t *testing.T, test func(t *testing.T, v6 bool)) {
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6=%v", v6), func(t *testing.T) { test(t, v6) })
	}
}

func TestHandshake(t *testing.T) {
	bothVersions(t, func(t *testing.T, v6 bool) {
		r := newRig(t)
		p := r.station(v6, 1000)
		got := p.knock()
		wantMSS := []byte{0x05, 0xb4}
		if v6 {
			wantMSS = []byte{0x05, 0xa0}
		}
		if flags(got)[0] != "S." || got.Ack != p.seq || got.Window != recvBuf ||
			len(got.Options) != 1 || got.Options[0].OptionType != layers.TCPOptionKindMSS || !slices.Equal(got.Options[0].OptionData, wantMSS) {
			t.Errorf("%+v", got)
		}
		if s := r.h.Stats(); s.HalfOpen != 1 || s.Open != 1 || s.Accepted != 0 {
			t.Errorf("%+v", s)
		}
		p.say(ack, "")
		r.none()
		c := r.accept()
		if c.LocalAddr().String() != p.remote.String() || c.RemoteAddr().String() != p.local.String() {
			t.Errorf("from %v to %v", c.RemoteAddr(), c.LocalAddr())
		}
		if _, ok := c.RemoteAddr().(*net.TCPAddr); !ok {
			t.Errorf("%T", c.RemoteAddr())
		}
		if s := r.h.Stats(); s.HalfOpen != 0 || s.Open != 1 || s.Accepted != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// The peer's MSS is kept to, and so is the MTU of the network.
func TestMSS(t *testing.T) {
	for _, c := range []struct {
		mtu  int
		mss  uint16
		v6   bool
		want int
	}{
		{1500, 1460, false, 1460}, {1500, 9000, false, 1460}, {1500, 1440, true, 1440}, {1500, 9000, true, 1440},
		{1500, 700, false, 700}, {1500, 1, false, minMSS}, {1500, 0, false, 536}, {1500, 0, true, 1220},
		{9000, 8960, false, 8960}, {576, 1460, false, 536}, {70000, 65535, false, 65495},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.MTU = c.mtu })
			p := r.station(c.v6, 1000)
			p.mss = c.mss
			conn := p.connect()
			_, err := conn.Write(make([]byte, sendBuf))
			must(t, err)
			if got := r.got(); len(got[0].Payload) != c.want {
				t.Errorf("segments of %d bytes, want %d", len(got[0].Payload), c.want)
			}
		})
	}
}

// A SYN that comes again is answered again; the SYN-ACK is sent again by itself,
// ever more rarely, and then given up.
func TestSynAckAgain(t *testing.T) {
	r := newRig(t)
	p := r.station(false, 1000)
	first := p.knock()
	p.sayAt(p.seq-1, syn, "")
	if again := r.one(); again.Seq != first.Seq || flags(again)[0] != "S." {
		t.Errorf("%v at %d, want %d", flags(again), again.Seq, first.Seq)
	}
	for i := range synRetries {
		r.advance(minRTO<<i - 1)
		r.none()
		r.advance(1)
		if again := r.one(); again.Seq != first.Seq || flags(again)[0] != "S." {
			t.Errorf("%v at %d, want %d", flags(again), again.Seq, first.Seq)
		}
	}
	r.advance(minRTO << synRetries)
	if got := r.one(); flags(got)[0] != "R." {
		t.Errorf("given up with %v", flags(got))
	}
	if s := r.h.Stats(); s.Open != 0 || s.HalfOpen != 0 || s.Timeouts != synRetries || s.Aborted != 1 {
		t.Errorf("%+v", s)
	}
	if next := r.h.NextTimer(); !next.IsZero() {
		t.Errorf("a timer at %v", next)
	}
}

// The final ACK may be lost: data carries it too. A handshake that took a
// retransmission begins with one segment.
func TestAckWithData(t *testing.T) {
	r := newRig(t)
	p := r.station(false, 1000)
	p.knock()
	r.advance(minRTO)
	r.one()
	p.send("hello")
	p.acks()
	c := r.accept()
	reads(t, c, "hello")
	_, err := c.Write(make([]byte, 5000))
	must(t, err)
	if got := r.got(); len(got) != 1 {
		t.Errorf("%d segments after a loss", len(got))
	}
}

// TestNoConnection: what belongs to no connection is refused, and a RST never.
func TestNoConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		port  uint16
		flags uint8
		data  string
		want  string
	}{
		{"SYN to a closed port", 54, syn, "", "R."},
		{"SYN with data to a closed port", 54, syn, "xyz", "R."},
		{"ACK to a closed port", 54, ack, "x", "R"},
		{"RST to a closed port", 54, rst, "", ""},
		{"ACK", port, ack, "", "R"},
		{"text", port, ack | psh, "x", "R"},
		{"SYN-ACK", port, syn | ack, "", "R"},
		{"SYN and FIN", port, syn | fin, "", "R."},
		{"nothing", port, 0, "x", "R."},
		{"RST", port, rst, "", ""},
		{"RST with ACK", port, rst | ack, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			p := r.station(false, 1000)
			p.remote = addrPort(p.remote.Addr(), c.port)
			p.ack = 4711
			p.say(c.flags, c.data)
			if c.want == "" {
				r.none()
				return
			}
			got := r.one()
			n := uint32(len(c.data))
			for _, f := range []uint8{syn, fin} {
				if c.flags&f != 0 {
					n++
				}
			}
			if flags(got)[0] != c.want || c.want == "R" && got.Seq != p.ack || c.want == "R." && (got.Seq != 0 || got.Ack != p.seq+n) {
				t.Errorf("%v at %d, acknowledges %d", flags(got), got.Seq, got.Ack)
			}
			if r.h.Stats().Open != 0 {
				t.Error("a connection came of it")
			}
		})
	}
}

// TestWrongAck: an ACK of what was not sent does not finish a handshake.
func TestWrongAck(t *testing.T) {
	for _, off := range []uint32{1, 0xffffffff, 1 << 31} {
		r := newRig(t)
		p := r.station(false, 1000)
		p.knock()
		p.ack += off
		p.say(ack, "")
		if got := r.one(); flags(got)[0] != "R" || got.Seq != p.ack {
			t.Errorf("%v at %d, want a RST at %d", flags(got), got.Seq, p.ack)
		}
		p.ack -= off
		p.say(ack, "")
		r.none()
		r.accept()
	}
}

// TestInitialSequence: numbers follow the clock between the same ends, and nothing
// visible between others.
func TestInitialSequence(t *testing.T) {
	h := NewHost(Config{})
	h.now = time.Unix(1e9, 0)
	a, b := newRig(t).station(false, 1), newRig(t).station(false, 2)
	first := h.isn(pair{a.remote, a.local})
	h.now = h.now.Add(time.Second)
	if d := h.isn(pair{a.remote, a.local}).minus(first); d != 250000 {
		t.Errorf("%d further on after a second", d)
	}
	if d := h.isn(pair{b.remote, b.local}).minus(first); d > -1e6 && d < 1e6 {
		t.Errorf("the next port's is %d further on", d)
	}
	if other := NewHost(Config{}); other.key == h.key {
		t.Error("two hosts have one key")
	}
}

// TestIgnored: what no connection can come of.
func TestIgnored(t *testing.T) {
	r := newRig(t)
	p := r.station(false, 1000)
	whole := p.frame(1, syn, "")
	fragment := slices.Clone(whole)
	fragment[frame.EthernetLen+6] = 0x20
	group := slices.Clone(whole)
	frame.Ethernet(group).SetSrc(frame.Broadcast)
	multicast := slices.Clone(whole)
	frame.IPv4(multicast[frame.EthernetLen:]).SetSrc(ip("224.0.0.1"))
	broadcast := slices.Clone(whole)
	frame.IPv4(broadcast[frame.EthernetLen:]).SetSrc(ip("255.255.255.255"))
	nobody := slices.Clone(whole)
	frame.IPv4(nobody[frame.EthernetLen:]).SetSrc(ip("0.0.0.0"))
	udp := slices.Clone(whole)
	udp[frame.EthernetLen+9] = frame.ProtoUDP
	for i, b := range [][]byte{nil, whole[:20], whole[:40], fragment, group, multicast, broadcast, nobody, udp} {
		r.h.Input(b)
		r.none()
		if got := r.h.Stats().Ignored; got != uint64(i)+1 {
			t.Errorf("frame %d: %d ignored", i, got)
		}
	}
}
