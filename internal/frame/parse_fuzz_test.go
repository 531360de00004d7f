package frame

import (
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// hard are frames that gopacket reads in its own way, found by fuzzing: an ARP
// hardware type of 0x3001, a broken hop-by-hop header in a cut packet, a hop-by-hop
// "protocol" in IPv4, and an ICMPv6 header that lies in the padding.
var hard = [][]byte{
	ether(TypeARP, poke(arpMessage(), 0, 0x30)),
	ether(TypeIPv6, poke(ip6(extHopByHop, []byte("00")), 4, 0x30)),
	ether(TypeIPv4, ip4(extHopByHop, cat(ext(ProtoICMP, 1), make([]byte, 12)), nil)),
	ether(TypeIPv6, append(ip6(extHopByHop, ext(ProtoICMPv6, 1)), make([]byte, 8)...)),
}

// seeds are all frames of the tables and the hard ones.
func seeds(add func(b []byte)) {
	for _, b := range hard {
		add(b)
	}
	for _, c := range parseCases {
		if len(c.b) < 2000 {
			add(c.b)
		}
	}
	for _, c := range parse4Cases {
		if len(c.p) < 2000 {
			add(ether(TypeIPv4, c.p))
		}
	}
	for _, c := range parse6Cases {
		add(ether(TypeIPv6, c.p, tagged))
	}
}

func agreeOn(t *testing.T, b []byte) (Info, Reason) {
	t.Helper()
	var i Info
	r := Parse(b, &i)
	newOracle(b).agree(t, b, r, &i)
	return i, r
}

// FuzzParse holds Parse to gopacket's reading of the same bytes and to the
// promise that what it accepts can be indexed.
func FuzzParse(f *testing.F) {
	seeds(func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		i, r := agreeOn(t, b)
		if r != Accepted {
			return
		}
		if int(i.L3)+int(i.L3Len) > len(b) || i.L4 != 0 && uint32(i.L4-i.L3) >= i.L3Len {
			t.Fatalf("offsets beyond the frame: %+v of %d", i, len(b))
		}
		touch(&Frame{Buf: slices.Clone(b), Len: len(b), Info: i})
	})
}

// touch reads a parsed frame through every view that its Info allows.
func touch(f *Frame) {
	touchEthernet(f.Ethernet())
	switch {
	case f.Flags&FlagARP != 0:
		touchARP(f.ARP())
	case f.Flags&FlagIPv4 != 0:
		touchIPv4(f.IPv4())
	case f.Flags&FlagIPv6 != 0:
		touchIPv6(f.IPv6())
	}
	if f.L4 == 0 {
		return
	}
	switch f.Proto {
	case ProtoTCP:
		touchTCP(f.TCP())
	case ProtoUDP:
		if u := f.UDP(); f.Flags&FlagFragment == 0 || u.Valid() {
			touchUDP(u)
		}
	case ProtoICMP:
		touchICMPv4(f.ICMPv4())
	case ProtoICMPv6:
		touchICMPv6(f.ICMPv6())
	}
}

func TestParseTablesAgree(t *testing.T) {
	seeds(func(b []byte) { agreeOn(t, b) })
}

// What gopacket writes is read completely.
func TestParseSerialized(t *testing.T) {
	tcp := &layers.TCP{SrcPort: 1, DstPort: 2, SYN: true, Window: 9,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}}}}
	udp := &layers.UDP{SrcPort: 3, DstPort: 4}
	echo4 := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 5, Seq: 6}
	echo6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}
	v4, v6 := gpIPv4(layers.IPProtocolTCP), gpIPv6(layers.IPProtocolTCP)
	type list = []gopacket.SerializableLayer
	pay := gopacket.Payload("some payload")
	for _, c := range []struct {
		name string
		ls   list
		l4   uint16
	}{
		{"tcp4", list{gpEther(layers.EthernetTypeIPv4), v4, tcp, pay}, 34},
		{"udp4", list{gpEther(layers.EthernetTypeIPv4), gpIPv4(layers.IPProtocolUDP), udp, pay}, 34},
		{"icmp", list{gpEther(layers.EthernetTypeIPv4), gpIPv4(layers.IPProtocolICMPv4), echo4, pay}, 34},
		{"tcp6", list{gpEther(layers.EthernetTypeIPv6), v6, tcp, pay}, 54},
		{"udp6", list{gpEther(layers.EthernetTypeIPv6), gpIPv6(layers.IPProtocolUDP), udp, pay}, 54},
		{"icmpv6", list{gpEther(layers.EthernetTypeIPv6), gpIPv6(layers.IPProtocolICMPv6), echo6, pay}, 54},
		{"qinq", list{gpEther(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeDot1Q},
			&layers.Dot1Q{VLANIdentifier: 8, Type: layers.EthernetTypeIPv4}, v4, tcp, pay}, 42},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, l := range c.ls {
				if s, ok := l.(interface {
					SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
				}); ok {
					for _, n := range c.ls {
						if n, ok := n.(gopacket.NetworkLayer); ok {
							if err := s.SetNetworkLayerForChecksum(n); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
			}
			b := serialize(t, c.ls...)
			i, r := agreeOn(t, b)
			if r != Accepted || i.L4 != c.l4 {
				t.Fatalf("%v %+v", r, i)
			}
			fr := Frame{Buf: b, Len: len(b), Info: i}
			wantGoodSum(t, &fr)
		})
	}
}

// wantGoodSum checks the transport checksum of a whole frame.
func wantGoodSum(t *testing.T, f *Frame) {
	t.Helper()
	p := f.span(f.L4)
	pseudo := uint32(0)
	switch {
	case f.Flags&FlagIPv6 != 0:
		pseudo = f.IPv6().PseudoSum(f.Proto, len(p))
	case f.Proto != ProtoICMP:
		pseudo = f.IPv4().PseudoSum(len(p))
	}
	if s := Checksum(p, pseudo); s != 0xffff {
		t.Errorf("transport sums to %#x with its checksum, want 0xffff", s)
	}
	if f.Flags&FlagIPv4 != 0 && !f.IPv4().ChecksumOK() {
		t.Error("IPv4 header checksum is wrong")
	}
}
