package dhcp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// solicit6 makes the frame of a router solicitation of station n.
func solicit6(n int, from netip.Addr, hops uint8, code uint8, opts ...byte) []byte {
	b := make([]byte, frame.EthernetLen+frame.IPv6Len+frame.ICMPLen+len(opts))
	p := frame.EthernetFields{Dst: 0x333300000002, Src: macOf(n), EtherType: frame.TypeIPv6}.Encode(b)
	m := p[frame.IPv6Len:]
	copy(m[frame.ICMPLen:], opts)
	ip := frame.IPv6Fields{NextHeader: frame.ProtoICMPv6, HopLimit: hops, Src: from, Dst: netip.MustParseAddr("ff02::2")}.Encode(p)
	frame.ICMPFields{Type: frame.ICMPv6RouterSol, Code: code}.EncodeV6(m, ip.PseudoSum(frame.ProtoICMPv6, len(m)))
	return b
}

var sourceMAC = []byte{1, 1, 2, 0, 0, 1, 0, 1}

// advert decodes an advertisement with gopacket.
func advert(t *testing.T, b []byte) (answer, *layers.ICMPv6RouterAdvertisement) {
	t.Helper()
	a, err := judge(b, 1400)
	must(t, err)
	ra, ok := a.packet.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
	if !ok || a.hops != 255 || a.src != linkLocal {
		t.Fatalf("from %v, %d hops: %v", a.src, a.hops, a.packet)
	}
	return a, ra
}

func TestAdvertisement(t *testing.T) {
	cfg := config(t, 9)
	cfg.Autonomous = true
	b := newServer(t, cfg).Advertise(start)
	a, ra := advert(t, b[0])
	if a.mac != allNodesMAC || a.dst != allNodes {
		t.Errorf("to %v at %v", a.dst, a.mac)
	}
	got := fmt.Sprintf("%d %#x %d", ra.HopLimit, ra.Flags, ra.RouterLifetime)
	for _, o := range ra.Options {
		got += fmt.Sprintf("\n%d %x", o.Type, o.Data)
	}
	const want = "64 0xc0 1800" +
		"\n1 020000000001" +
		"\n5 000000000578" +
		"\n3 40c000278d0000093a8000000000fd090000000000000000000000000000" +
		"\n25 000000000708fe800000000000000000000000000001" +
		"\n31 000000000708046e65743104746573740004746573740000000000000000"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	cfg = config(t, 9)
	cfg.Managed, cfg.Other, cfg.OnLink, cfg.Router6, cfg.DNS6, cfg.Domain, cfg.Search = false, false, false, false, nil, "", nil
	_, ra = advert(t, newServer(t, cfg).Advertise(start)[0])
	if ra.Flags != 0 || ra.RouterLifetime != 0 || len(ra.Options) != 3 || ra.Options[2].Data[1] != 0 {
		t.Errorf("an internal network: %+v", ra)
	}
}

// The first advertisements come soon after each other, the others within the interval
// (RFC 4861, section 6.2.4).
func TestPeriodicAdvertisements(t *testing.T) {
	s, now := newServer(t, config(t, 9)), start
	var waits []time.Duration
	for range 5 {
		if len(s.Advertise(now)) != 1 || len(s.Advertise(now.Add(time.Second))) != 0 {
			t.Fatal("not when it is due")
		}
		waits = append(waits, s.NextRA().Sub(now))
		now = s.NextRA()
	}
	if got := fmt.Sprint(waits); got != "[16s 16s 6m40s 6m40s 6m40s]" {
		t.Error(got)
	}
}

func TestSolicitations(t *testing.T) {
	s := newServer(t, config(t, 9))
	ask := func(now time.Time, b []byte) (frame.MAC, int) {
		t.Helper()
		out, why := s.Solicit(now, 1, b)
		if why != frame.Consumed {
			t.Fatal(why)
		}
		if len(out) == 0 {
			return 0, 0
		}
		a, _ := advert(t, out[0])
		return a.mac, len(out)
	}
	if to, _ := ask(start, solicit6(1, local6(1), 255, 0, sourceMAC...)); to != macOf(1) {
		t.Errorf("from an address: answered to %v", to)
	}
	if to, _ := ask(start, solicit6(1, netip.IPv6Unspecified(), 255, 0)); to != allNodesMAC {
		t.Errorf("from no address: answered to %v", to)
	}
	if _, n := ask(start.Add(time.Second), solicit6(2, netip.IPv6Unspecified(), 255, 0)); n != 0 {
		t.Error("two answers to all within three seconds")
	}
	if due := s.NextRA().Sub(start); due != 3*time.Second {
		t.Errorf("the answer is due after %v", due)
	}
	if len(s.Advertise(start.Add(3*time.Second))) != 1 {
		t.Error("the answer did not come")
	}
}

func TestHostileSolicitations(t *testing.T) {
	good := solicit6(1, local6(1), 255, 0, sourceMAC...)
	sum := append([]byte(nil), good...)
	sum[len(sum)-1] ^= 1
	for name, b := range map[string][]byte{
		"empty":             nil,
		"cut off":           good[:len(good)-4],
		"another checksum":  sum,
		"through a router":  solicit6(1, local6(1), 254, 0, sourceMAC...),
		"a code":            solicit6(1, local6(1), 255, 1, sourceMAC...),
		"an empty option":   solicit6(1, local6(1), 255, 0, 1, 0, 0, 0, 0, 0, 0, 0),
		"half an option":    solicit6(1, local6(1), 255, 0, 1, 2, 0, 0, 0, 0, 0, 0),
		"nobody with a MAC": solicit6(1, netip.IPv6Unspecified(), 255, 0, sourceMAC...),
		"from a group":      solicit6(1, allNodes, 255, 0),
		"an advertisement":  newServer(t, config(t, 9)).Advertise(start)[0],
		"DHCP":              raw6(1),
	} {
		s := newServer(t, config(t, 9))
		if out, why := s.Solicit(start, 1, b); len(out) != 0 || why != frame.DropServiceMessage {
			t.Errorf("%s: %d answers, %v", name, len(out), why)
		}
	}
	cfg := config(t, 9)
	cfg.Prefix6 = netip.Prefix{}
	s := newServer(t, cfg)
	if out, why := s.Solicit(start, 1, good); len(out) != 0 || why != frame.DropNoService {
		t.Errorf("without IPv6: %d, %v", len(out), why)
	}
	if _, why := s.Serve6(start, 1, raw6(1)); why != frame.DropNoService || len(s.Advertise(start)) != 0 {
		t.Errorf("without IPv6: %v", why)
	}
}
