package testnet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

const macA, macB frame.MAC = 0x020000000001, 0x020000000002

var (
	a4, b4 = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	a6, b6 = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
)

// segment is a TCP segment from a to b.
func segment(seq uint32, flags string, payload string) []byte {
	tcp := &layers.TCP{
		SrcPort: 1, DstPort: 2, Seq: seq, DataOffset: 5, ACK: true,
		SYN: strings.Contains(flags, "S"), FIN: strings.Contains(flags, "F"),
	}
	ip, kind := network(a4, b4, layers.IPProtocolTCP)
	tcp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	return serialize(ethernet(macB, macA, kind), ip, tcp, gopacket.Payload(payload))
}

func TestCheckSums(t *testing.T) {
	const ip4, ip6 = 14, 14 // where the IP header begins
	for name, good := range map[string][]byte{
		"UDP over IPv4":         UDP(macB, macA, a4, b4, []byte("odd")),
		"UDP over IPv6":         UDP(macB, macA, a6, b6, bytes.Repeat([]byte{0xff}, 1000)),
		"TCP":                   segment(7, "", "some payload"),
		"TCP, short of 60":      segment(7, "", ""),
		"neighbour discovery":   Advertisement(macB, macA, a6, b6, a6, macA),
		"UDP of an even length": UDP(macB, macA, a4, b4, []byte("even")),
	} {
		if sums, err := CheckSums(good); sums != Complete || err != nil {
			t.Errorf("%s: %v, %v", name, sums, err)
		}
		p, err := dissect(good)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndex(good, p.transport) + len(p.transport) - 1
		bad := bytes.Clone(good)
		bad[at] ^= 0x40
		if _, err := CheckSums(bad); err == nil {
			t.Errorf("%s: a changed byte is not noticed", name)
		}
		if p.ipv4 != nil {
			bad = bytes.Clone(good)
			bad[ip4+8]-- // time to live
			if _, err := CheckSums(bad); err == nil {
				t.Errorf("%s: a changed header is not noticed", name)
			}
		}
	}
	if _, err := CheckSums(Ether(macB, macA, []byte("no IP"))); err == nil {
		t.Error("a frame without IP has no checksums")
	}
}

func TestCheckSumsKnowsPartialOnes(t *testing.T) {
	b := segment(7, "", "some payload that is long enough")
	p, err := dissect(b)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint16(p.transport[16:], fold(p.pseudo())) // NoCopy: this is b
	if sums, err := CheckSums(b); sums != Partial || err != nil {
		t.Errorf("%v, %v", sums, err)
	}
}

func TestStream(t *testing.T) {
	syn, one, two, three := segment(99, "S", ""), segment(100, "", "one "), segment(104, "", "two "), segment(108, "F", "three")
	ack := segment(114, "", "")
	for _, tt := range []struct {
		name   string
		frames [][]byte
		want   string
	}{
		{"in order", [][]byte{syn, one, two, three, ack}, ""},
		{"out of order", [][]byte{syn, three, one, two}, ""},
		{"sent again", [][]byte{syn, one, two, one, segment(102, "", "e two "), three}, ""},
		{"a gap", [][]byte{syn, one, three}, "in no segment"},
		{"no end", [][]byte{syn, one, two}, "ends at"},
		{"not TCP", [][]byte{Ether(macB, macA, []byte("x"))}, "no TCP"},
	} {
		data, err := Stream(tt.frames)
		if tt.want == "" && (err != nil || string(data) != "one two three") {
			t.Errorf("%s: %q, %v", tt.name, data, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestFrom(t *testing.T) {
	frames := [][]byte{UDP(macB, macA, a4, b4, nil), UDP(macA, macB, b4, a4, nil), Ether(macB, macA, nil), UDP(macB, macA, a6, b6, nil)}
	if got := From(frames, a4); len(got) != 1 || !bytes.Equal(got[0], frames[0]) {
		t.Errorf("from %v: %x", a4, got)
	}
	if got := From(frames, a6); len(got) != 1 || !bytes.Equal(got[0], frames[3]) {
		t.Errorf("from %v: %x", a6, got)
	}
}

// The builders make what they say, as the project's own parser sees it.
func TestBuilders(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		tags uint8
		flag uint8
	}{
		{"Ether", Ether(macB, macA, []byte("x")), 0, 0},
		{"Tagged", Tagged(macB, macA, []byte("x"), 10), 1, 0},
		{"Tagged twice", Tagged(macB, macA, []byte("x"), 10, 20), 2, 0},
		{"ARP", ARP(macA, macA, a4, b4), 0, frame.FlagARP},
		{"UDP", UDP(macB, macA, a4, b4, []byte("x")), 0, frame.FlagIPv4},
		{"UDP over IPv6", UDP(macB, macA, a6, b6, []byte("x")), 0, frame.FlagIPv6},
		{"Advertisement", Advertisement(macB, macA, a6, b6, a6, macA), 0, frame.FlagIPv6},
	} {
		f := frame.Frame{Buf: slices.Concat(make([]byte, frame.Headroom), tt.b), Off: frame.Headroom, Len: len(tt.b)}
		if r := f.Parse(); r != frame.Accepted || f.Src != macA || uint8(f.Tags) != tt.tags || f.Flags&tt.flag != tt.flag {
			t.Errorf("%s: %v, %+v", tt.name, r, f.Info)
		}
	}
}
