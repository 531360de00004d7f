package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// The checkers take frames apart with gopacket and add up checksums by
// themselves: nothing of the switch's own code says here that a frame is right.

// Sums says how a frame's checksums are.
type Sums int

const (
	// Complete: the IPv4 header's and the transport's checksums are right.
	Complete Sums = iota
	// Partial: the transport's field has the sum of the pseudo-header only, as an
	// offload leaves it.
	Partial
)

// packet is an IP packet with a transport header, taken apart.
type packet struct {
	src, dst  netip.Addr
	ipv4      []byte // the header; nil for IPv6
	proto     layers.IPProtocol
	transport []byte // header and payload, without the frame's padding
	tcp       *layers.TCP
}

func dissect(b []byte) (packet, error) {
	g := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: false, NoCopy: true})
	if f := g.ErrorLayer(); f != nil {
		return packet{}, f.Error()
	}
	var p packet
	switch ip := g.NetworkLayer().(type) {
	case *layers.IPv4:
		p = packet{src: addr(ip.SrcIP), dst: addr(ip.DstIP), ipv4: ip.Contents, proto: ip.Protocol, transport: ip.Payload}
	case *layers.IPv6:
		p = packet{src: addr(ip.SrcIP), dst: addr(ip.DstIP), proto: ip.NextHeader, transport: ip.Payload}
	default:
		return p, errors.New("not IP")
	}
	p.tcp, _ = g.TransportLayer().(*layers.TCP)
	return p, nil
}

func addr(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// CheckSums checks the checksums of an IP frame with TCP, UDP or ICMPv6 in it,
// without extension headers, and says how they are.
func CheckSums(b []byte) (Sums, error) {
	p, err := dissect(b)
	if err != nil {
		return 0, err
	}
	if p.ipv4 != nil && fold(add(0, p.ipv4)) != 0xffff {
		return 0, fmt.Errorf("wrong checksum in the IPv4 header")
	}
	at, ok := map[layers.IPProtocol]int{
		layers.IPProtocolTCP: 16, layers.IPProtocolUDP: 6, layers.IPProtocolICMPv6: 2,
	}[p.proto]
	if !ok || len(p.transport) < at+2 {
		return 0, fmt.Errorf("no checksum of %v in %d bytes", p.proto, len(p.transport))
	}
	pseudo := p.pseudo()
	switch {
	case fold(add(pseudo, p.transport)) == 0xffff:
		return Complete, nil
	case binary.BigEndian.Uint16(p.transport[at:]) == fold(pseudo):
		return Partial, nil
	}
	return 0, fmt.Errorf("wrong %v checksum %#04x", p.proto, binary.BigEndian.Uint16(p.transport[at:]))
}

// pseudo adds up the pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1).
func (p *packet) pseudo() uint64 {
	s := add(add(0, p.src.AsSlice()), p.dst.AsSlice())
	return s + uint64(p.proto) + uint64(len(p.transport))
}

// add adds b to a sum of 16-bit words (RFC 1071).
func add(sum uint64, b []byte) uint64 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// Stream puts the payload of one direction of one TCP connection together from
// the frames that carried it, SYN and FIN included, and fails on a gap.
func Stream(frames [][]byte) ([]byte, error) {
	var data []byte
	var have []bool
	start, end := uint32(0), -1
	for i, b := range frames {
		p, err := dissect(b)
		if err != nil || p.tcp == nil {
			return nil, fmt.Errorf("frame %d: no TCP: %w", i, err)
		}
		if p.tcp.SYN {
			start = p.tcp.Seq + 1
			continue
		}
		at := int(p.tcp.Seq - start)
		if p.tcp.FIN {
			end = at + len(p.tcp.Payload)
		}
		if len(p.tcp.Payload) == 0 {
			continue
		}
		if need := at + len(p.tcp.Payload); need > len(data) {
			data = append(data, make([]byte, need-len(data))...)
			have = append(have, make([]bool, need-len(have))...)
		}
		copy(data[at:], p.tcp.Payload)
		for j := range p.tcp.Payload {
			have[at+j] = true
		}
	}
	for i, ok := range have {
		if !ok {
			return nil, fmt.Errorf("byte %d of %d was in no segment", i, len(have))
		}
	}
	if end != len(data) {
		return nil, fmt.Errorf("%d bytes came, the stream ends at %d", len(data), end)
	}
	return data, nil
}
