package report

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
)

// datagram is a quote of UDP with n bytes behind the header.
func datagram(src, dst netip.Addr, n int) *Quote {
	b := make([]byte, frame.UDPLen+n)
	for i := range b[frame.UDPLen:] {
		b[frame.UDPLen+i] = byte(i)
	}
	frame.UDPFields{SrcPort: 4000, DstPort: 53}.Encode(b, 0)
	return &Quote{Proto: frame.ProtoUDP, Src: netip.AddrPortFrom(src, 4000), Dst: netip.AddrPortFrom(dst, 53), TOS: 8, TTL: 63, Payload: b}
}

// sent sends an error and returns it as gopacket sees it.
func sent(t *testing.T, q *Quote, e *Error) (gopacket.Packet, []byte) {
	t.Helper()
	x := newOutbox()
	if !Send(x, network(), conMAC, q, e) || x.entered != 1 {
		t.Fatalf("%+v: nothing was sent", e)
	}
	f := x.take()[0]
	b := f.Bytes()
	if !bytes.Equal(f.Vnet(), make([]byte, frame.VnetLen)) {
		t.Errorf("the virtio header is %x", f.Vnet())
	}
	checkSums(t, b)
	return gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default), b
}

// checkSums fails where a receiver would find a checksum of an ICMP error wrong.
func checkSums(t *testing.T, b []byte) {
	t.Helper()
	if b[frame.EthernetLen]>>4 == 6 {
		if _, err := testnet.CheckSums(b); err != nil {
			t.Error(err)
		}
		return
	}
	ip4 := frame.IPv4(b[frame.EthernetLen:])
	if !ip4.ChecksumOK() || frame.Checksum(ip4.Payload(), 0) != 0xffff {
		t.Errorf("a checksum is wrong: %x", b)
	}
}

func TestSend4(t *testing.T) {
	for _, n := range []int{0, 100, 1400, 60000} {
		q, e := datagram(con4, out4, n), icmp(11, 0, 0)
		q.ID, e.From = 77, hop4
		p, b := sent(t, q, &e)
		ip4 := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		m := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if ip4.SrcIP.String() != hop4.String() || ip4.DstIP.String() != con4.String() {
			t.Errorf("from %v to %v", ip4.SrcIP, ip4.DstIP)
		}
		if m.TypeCode != layers.CreateICMPv4TypeCode(11, 0) || len(b)-frame.EthernetLen > maxError4 {
			t.Errorf("%v, %d bytes", m.TypeCode, len(b))
		}
		quote := frame.IPv4(m.Payload)
		if quote.HeaderLen() != 20 || !quote.ChecksumOK() || quote.Src() != con4 || quote.Dst() != out4 ||
			quote.TOS() != 8 || quote.TTL() != 1 || quote.ID() != 77 || quote.DontFragment() || quote.Proto() != 17 {
			t.Errorf("the quote is %x", []byte(quote[:20]))
		}
		if quote.TotalLen() != 28+n || !bytes.HasPrefix(q.Payload, m.Payload[20:]) || len(m.Payload) != min(28+n, maxError4-28) {
			t.Errorf("of %d bytes %d are quoted, the header says %d", 28+n, len(m.Payload), quote.TotalLen())
		}
	}
}

func TestSend6(t *testing.T) {
	for _, n := range []int{0, 100, 1400, 60000} {
		q, e := datagram(con6, out6, n), icmp6(2, 0, 1400)
		q.Len = 8 + n + 5 // the host gave less than was sent
		p, b := sent(t, q, &e)
		ip6 := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		m := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
		if ip6.SrcIP.String() != gw6.String() || ip6.DstIP.String() != con6.String() || len(b)-frame.EthernetLen > maxError6 {
			t.Errorf("from %v to %v, %d bytes", ip6.SrcIP, ip6.DstIP, len(b))
		}
		if m.TypeCode != layers.CreateICMPv6TypeCode(2, 0) || binary.BigEndian.Uint32(m.Payload) != 1400 {
			t.Errorf("%v %x", m.TypeCode, m.Payload[:4])
		}
		quote := frame.IPv6(m.Payload[4:])
		if quote.Src() != con6 || quote.Dst() != out6 || quote.HopLimit() != 63 || quote.TrafficClass() != 8 ||
			quote.NextHeader() != 17 || quote.PayloadLen() != 13+n || !bytes.HasPrefix(q.Payload, quote[40:]) {
			t.Errorf("the quote is %x", []byte(quote[:40]))
		}
	}
}

// Who an error comes from.
func TestSource(t *testing.T) {
	for _, c := range []struct {
		from netip.Addr
		e    Error
		q    *Quote
		want netip.Addr
	}{
		{hop4, icmp(11, 0, 0), datagram(con4, out4, 8), hop4},
		{ip("::ffff:198.51.100.1"), icmp(11, 0, 0), datagram(con4, out4, 8), hop4},
		{hop6, icmp6(3, 0, 0), datagram(con6, out6, 8), hop6},
		// of the other family, of the link, of nobody: the gateway
		{hop4, icmp(11, 0, 0), datagram(con6, out6, 8), gw6},
		{hop6, icmp6(1, 0, 0), datagram(con4, out4, 8), gw4},
		{ip("fe80::1%eth0"), icmp6(3, 0, 0), datagram(con6, out6, 8), gw6},
		{ip("0.0.0.9"), icmp(11, 0, 0), datagram(con4, out4, 8), gw4},
		{ip("255.255.255.255"), icmp(11, 0, 0), datagram(con4, out4, 8), gw4},
		{ip("224.0.0.1"), icmp(11, 0, 0), datagram(con4, out4, 8), gw4},
		{con4, icmp(11, 0, 0), datagram(con4, out4, 8), gw4},
		{netip.Addr{}, local(unix.ENETUNREACH), datagram(con4, out4, 8), gw4},
		// the host's loopback is what the container called it; who refuses is who was asked
		{ip("127.0.0.1"), icmp(3, 3, 0), datagram(con4, out4, 8), out4},
		{ip("::1"), icmp6(1, 4, 0), datagram(con6, out6, 8), out6},
		{netip.Addr{}, local(unix.ECONNREFUSED), datagram(con4, out4, 8), out4},
		{netip.Addr{}, local(unix.ECONNREFUSED), datagram(con6, out6, 8), out6},
		{hop6, icmp6(4, 1, 6), datagram(con4, out4, 8), out4},
	} {
		c.e.From = c.from
		if got := c.e.source(network(), c.q); got != c.want {
			t.Errorf("%+v: from %v, want %v", c.e, got, c.want)
		}
	}
}

// There are packets that no error may be about.
func TestNotSent(t *testing.T) {
	echo := func(proto, typ uint8, src, dst netip.Addr) *Quote {
		return &Quote{Proto: proto, Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(dst, 0), Payload: []byte{typ, 0, 0, 0, 0, 1, 0, 1}}
	}
	e := icmp(3, 1, 0)
	for _, q := range []*Quote{
		echo(1, 3, con4, out4), echo(1, 11, con4, out4), echo(1, 5, con4, out4), echo(58, 1, con6, out6), echo(58, 137, con6, out6),
		{Proto: 1, Src: netip.AddrPortFrom(con4, 0), Dst: netip.AddrPortFrom(out4, 0), Payload: []byte{8}},
		datagram(con4, ip("224.0.0.1"), 8), datagram(con6, ip("ff02::1"), 8), datagram(ip("0.0.0.0"), out4, 8), datagram(con4, out6, 8),
	} {
		x := newOutbox()
		if Send(x, network(), conMAC, q, &e) || x.entered != 0 {
			t.Errorf("an error about %+v", q)
		}
	}
	for _, q := range []*Quote{echo(1, 8, con4, out4), echo(58, 128, con6, out6), datagram(con4, out4, 0)} {
		if x := newOutbox(); !Send(x, network(), conMAC, q, &e) {
			t.Errorf("no error about %+v", q)
		}
	}
	n, x := network(), newOutbox()
	n.Addr4 = netip.Addr{}
	if Send(x, n, conMAC, datagram(con4, out4, 8), &e) {
		t.Error("an error from nobody")
	}
	if x.empty = true; Send(x, network(), conMAC, datagram(con4, out4, 8), &e) {
		t.Error("an error without a slot")
	}
}

func TestLimiter(t *testing.T) {
	x, q, e := newOutbox(), datagram(con4, out4, 8), icmp(3, 1, 0)
	var l Limiter
	send := func(n int) (sent int) {
		for range n {
			if l.Send(x, network(), conMAC, q, &e) {
				sent++
			}
		}
		return sent
	}
	if got := send(1000); got != burst {
		t.Errorf("%d at once, want %d", got, burst)
	}
	x.now += 50e6
	if got := send(1000); got != rate/20 {
		t.Errorf("%d after 50 ms, want %d", got, rate/20)
	}
	if x.now += 3600e9; send(1000) != burst {
		t.Error("a full bucket has not a burst in it")
	}
}

func TestAllocs(t *testing.T) {
	x, n := newOutbox(), network()
	x.forget = true
	q4, q6, e := datagram(con4, out4, 900), datagram(con6, out6, 900), icmp(11, 0, 0)
	var l Limiter
	if n := testing.AllocsPerRun(100, func() {
		x.now += 1e9
		l.Send(x, n, conMAC, q4, &e)
		l.Send(x, n, conMAC, q6, &e)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if copied := x.ledger.CopiedBytes.Load(); copied != 101*(maxError4-48+908) {
		t.Errorf("%d copied bytes are booked", copied)
	}
}

// FuzzSend: whatever an error says, what is sent is a packet.
func FuzzSend(f *testing.F) {
	f.Add(uint8(2), uint8(3), uint8(4), uint32(1400), uint8(17), []byte("datagram"), false)
	f.Add(uint8(3), uint8(1), uint8(4), uint32(0), uint8(58), []byte{128, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, origin, typ, code uint8, info uint32, proto uint8, payload []byte, v6 bool) {
		e := Error{Errno: unix.Errno(code), Origin: origin, Type: typ, Code: code, Info: info}
		q := Quote{Proto: proto, Src: netip.AddrPortFrom(con4, 1), Dst: netip.AddrPortFrom(out4, 2), Payload: payload}
		if v6 {
			q.Src, q.Dst = netip.AddrPortFrom(con6, 1), netip.AddrPortFrom(out6, 2)
		}
		x := newOutbox()
		if !Send(x, network(), conMAC, &q, &e) {
			return
		}
		fr := x.take()[0]
		if r := fr.Parse(); r != frame.Accepted {
			t.Fatalf("%v: %x", r, fr.Bytes())
		}
		checkSums(t, fr.Bytes())
	})
}
