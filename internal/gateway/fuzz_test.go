package gateway

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// What FuzzServe does to a frame before it is served.
const (
	fuzzNoICC = 1 << iota
	fuzzInternal
	fuzzRouted
	fuzzUplink
	fuzzServices
	fuzzPartial
	fuzzSums // right checksums, to get past the checks of them
)

// FuzzServe gives a gateway any frames. Every frame ends once, whatever is
// answered is right, and no answer is answered.
func FuzzServe(f *testing.F) {
	for _, b := range [][]byte{
		arpRequest(1, askMAC, ask4, gw4), arpRequest(1, askMAC, ask4, next4), asks(gw6), detects(next6),
		ndp(255, askLL, ip("ff02::2"), 133, &layers.ICMPv6RouterSolicitation{Options: sourceOption(askMAC)}),
		ping(ask4, gw4, []byte("hello")), ping(ask6, b6, []byte("hello")), ping(ask4, far4, nil), ping(ask6, next6, nil),
		udp(ask4, gw4, 53, []byte("q")), udp(ask6, gw6, 9, []byte("q")), udp(ask4, outside4, 9, make([]byte, 900)),
		tcp(ask4, gw4, 80, func(s *layers.TCP) { s.SYN = true }, nil), tcp(ask6, far6, 80, func(s *layers.TCP) { s.ACK = true }, []byte("x")),
		udpTo(frame.Broadcast, netip.IPv4Unspecified(), limitedBroadcast, 67, []byte("d")), pingHops(ask6, outside6, 1, nil),
	} {
		f.Add(uint8(0), b)
		f.Add(uint8(fuzzSums|fuzzServices|fuzzRouted|fuzzUplink), b)
		f.Add(uint8(fuzzNoICC|fuzzInternal|fuzzPartial), b)
	}
	for _, b := range append(cut(ping(ask4, gw4, make([]byte, 64)), 40), cut(ping(ask6, gw6, make([]byte, 64)), 40)...) {
		f.Add(uint8(0), b)
	}
	f.Fuzz(func(t *testing.T, how uint8, b []byte) {
		if len(b) > frame.MaxFrame {
			return
		}
		r := newRig(t, func(c *Config) {
			c.NoICC, c.Internal = how&fuzzNoICC != 0, how&fuzzInternal != 0
			c.Routed4, c.Routed6 = how&fuzzRouted != 0, how&fuzzRouted != 0
			if how&fuzzUplink != 0 {
				c.Uplink = &uplink{reason: frame.Consumed}
			}
			if how&fuzzServices != 0 {
				withService(&counter{})(c)
			}
		})
		fr := slot(b)
		if !prepare(fr, how) {
			return
		}
		r.Serve(r.box, []*frame.Frame{fr})
		r.box.end(t)
		for _, e := range r.box.reentered {
			if again := *e.f; again.Parse() != frame.Accepted || again.Info != e.f.Info || offload.Check(e.f) != frame.Accepted {
				t.Fatalf("what is known of the frame is no longer true: %+v", e.f.Info)
			}
		}
		for _, b := range r.box.replies {
			judge(t, b)
			r.want(turned(b), r.serve(turned(b)), 0)
		}
	})
}

// prepare is what the engine does before; false for frames that end there.
func prepare(f *frame.Frame, how uint8) bool {
	if f.Parse() != frame.Accepted {
		return false
	}
	if how&fuzzPartial != 0 {
		offload.Partial(f)
	}
	if how&fuzzSums != 0 {
		rightSums(f)
	}
	return offload.Check(f) == frame.Accepted
}

// rightSums makes the checksums of a frame right.
func rightSums(f *frame.Frame) {
	var head uint32
	var b []byte
	switch {
	case f.Flags&frame.FlagIPv4 != 0:
		f.IPv4().FillChecksum()
		b = f.IPv4()
	case f.Flags&frame.FlagIPv6 != 0:
		b = f.IPv6()
	}
	if f.L4 == 0 {
		return
	}
	b = b[f.L4-f.L3:]
	at := map[uint8]int{frame.ProtoTCP: 16, frame.ProtoUDP: 6}[f.Proto]
	if at == 0 {
		at = 2
	}
	switch {
	case f.Flags&frame.FlagIPv6 != 0:
		head = f.IPv6().PseudoSum(f.Proto, len(b))
	case f.Proto != frame.ProtoICMP:
		head = f.IPv4().PseudoSum(len(b))
	}
	binary.BigEndian.PutUint16(b[at:], 0)
	binary.BigEndian.PutUint16(b[at:], ^frame.Checksum(b, head))
}

// turned makes an answer a frame from the station to the gateway with the same in
// it: addresses change places, which leaves all checksums right.
func turned(b []byte) []byte {
	b = poked(b, 0)
	e := frame.Ethernet(b)
	e.SetDst(gwMAC)
	e.SetSrc(askMAC)
	f := parsed(b)
	at, n := 0, 0
	switch {
	case f.Flags&frame.FlagARP != 0:
		at, n = frame.EthernetLen+8, 10
	case f.Flags&frame.FlagIPv4 != 0:
		at, n = frame.EthernetLen+12, 4
	default:
		at, n = frame.EthernetLen+8, 16
	}
	for i := range n {
		b[at+i], b[at+n+i] = b[at+n+i], b[at+i]
	}
	return b
}
