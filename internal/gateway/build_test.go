package gateway

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"
)

func TestBuildUDP(t *testing.T) {
	type build = func([]byte, int) []byte
	v4 := func(buf []byte, n int) []byte {
		return BuildUDP4(buf, netip.AddrPortFrom(gw4, 4000), netip.AddrPortFrom(ask4, 4001), gwMAC, askMAC, bytes.Repeat([]byte{'x'}, n))
	}
	v6 := func(buf []byte, n int) []byte {
		return BuildUDP6(buf, netip.AddrPortFrom(gwLL.WithZone("eth0"), 4000), netip.AddrPortFrom(askLL, 4001), gwMAC, askMAC, bytes.Repeat([]byte{'x'}, n))
	}
	for name, b := range map[string]build{"IPv4": v4, "IPv6": v6} {
		for _, n := range []int{0, 1, 512, maxDatagram} {
			got := b([]byte("before"), n)
			if string(got[:6]) != "before" {
				t.Fatalf("%s: not appended", name)
			}
			p := judge(t, got[6:])
			e, u := p.LinkLayer().(*layers.Ethernet), p.TransportLayer().(*layers.UDP)
			if macOf(e.SrcMAC) != gwMAC || macOf(e.DstMAC) != askMAC || u.SrcPort != 4000 || u.DstPort != 4001 || len(u.Payload) != n {
				t.Errorf("%s, %d bytes: %v", name, n, p)
			}
			src, dst := ends(p)
			if name == "IPv4" && (src != gw4 || dst != ask4) || name == "IPv6" && (src != gwLL || dst != askLL) {
				t.Errorf("%s: from %v to %v", name, src, dst)
			}
		}
		if b(nil, maxDatagram+1) != nil {
			t.Errorf("%s: built a datagram that is too long", name)
		}
	}
}
