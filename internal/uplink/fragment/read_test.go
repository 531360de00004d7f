package fragment

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
)

var (
	alice4, alice6       = uplinktest.Alice4, uplinktest.Alice6
	loopback4, loopback6 = uplinktest.Loopback4, uplinktest.Loopback6
)

func TestRead(t *testing.T) {
	const proto = frame.ProtoUDP
	body := []byte("12345678")
	behind := alice6.Fragment(loopback6, 60, 1, 0, true, body)
	before := alice6.Fragment(loopback6, proto, 1, 0, true, body)
	before.IPv6()[6] = 0 // hop-by-hop options are what now says that UDP follows
	for name, c := range map[string]struct {
		f    *frame.Frame
		want Piece
		ok   bool
	}{
		"the first": {
			alice4.Fragment(loopback4, proto, 0xffff, 0, true, body),
			Piece{Key{7, proto, alice4.Addr.As16(), loopback4.As16(), 0xffff}, 0, true, body, 64, 0}, true,
		},
		"the last": {
			alice4.Fragment(loopback4, proto, 1, 65_528, false, body[:1]),
			Piece{Key{7, proto, alice4.Addr.As16(), loopback4.As16(), 1}, 65_528, false, body[:1], 64, 0}, true,
		},
		"of IPv6": {
			alice6.Fragment(loopback6, proto, 1<<31+5, 1448, true, body),
			Piece{Key{7, proto, alice6.Addr.As16(), loopback6.As16(), 1<<31 + 5}, 1448, true, body, 64, 0}, true,
		},
		"the last of IPv6": {
			alice6.Fragment(loopback6, proto, 1, 8, false, body[:3]),
			Piece{Key{7, proto, alice6.Addr.As16(), loopback6.As16(), 1}, 8, false, body[:3], 64, 0}, true,
		},
		"another protocol":           {f: alice4.Fragment(loopback4, frame.ProtoICMP, 1, 0, true, body)},
		"another protocol of IPv6":   {f: alice6.Fragment(loopback6, frame.ProtoICMPv6, 1, 0, true, body)},
		"an extension header behind": {f: uplinktest.Parse(behind)},
		"an extension header before": {f: before},
	} {
		got, ok := Read(7, proto, c.f)
		if ok != c.ok {
			t.Errorf("%s: read: %v", name, ok)
		}
		if ok && (got.Key != c.want.Key || got.At != c.want.At || got.More != c.want.More || !bytes.Equal(got.Body, c.want.Body) ||
			got.Hops != c.want.Hops || got.TOS != c.want.TOS) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		at, n int
		more  bool
		max   int
		want  bool
	}{
		{0, 8, true, 8, true},
		{0, 0, true, 8, false},
		{8, 0, false, 8, false},
		{0, 7, true, 8, false},
		{0, 7, false, 8, true},
		{8, 1, false, 8, false},
		{65_528, 7, false, MaxLen, true},
		{65_528, 8, true, MaxLen, false},
	} {
		p := Piece{At: c.at, More: c.more, Body: make([]byte, c.n)}
		if got := p.Fits(c.max); got != c.want {
			t.Errorf("%d bytes at %d, more %v, of at most %d: %v", c.n, c.at, c.more, c.max, got)
		}
	}
}

// Who sent a fragment is told by network and address, not by address alone.
func TestSameSender(t *testing.T) {
	a := Key{Net: 1, Proto: 17, Src: alice4.Addr.As16(), Dst: loopback4.As16(), ID: 1}
	other, moved := a, a
	other.ID, other.Dst = 2, alice6.Addr.As16()
	moved.Net = 2
	if !a.SameSender(&other) || a.SameSender(&moved) {
		t.Error("senders are mixed up")
	}
}
