package dhcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
)

var (
	subnet    = netip.MustParsePrefix("10.9.0.0/24")
	gateway   = netip.MustParseAddr("10.9.0.1")
	prefix6   = netip.MustParsePrefix("fd09::/64")
	linkLocal = netip.MustParseAddr("fe80::1")
	serverMAC = frame.MAC(0x02_00_00_00_00_01)
	start     = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// testPool is a pool that watches its user: an address is taken once and given back
// once.
type testPool struct {
	t    testing.TB
	from netip.Addr
	n    int
	used map[netip.Addr]bool
}

func newPool(t testing.TB, from string, n int) *testPool {
	return &testPool{t, netip.MustParseAddr(from), n, map[netip.Addr]bool{}}
}

func (p *testPool) Next() (netip.Addr, error) {
	for a, i := p.from, 0; i < p.n; a, i = a.Next(), i+1 {
		if !p.used[a] {
			p.used[a] = true
			return a, nil
		}
	}
	return netip.Addr{}, errors.New("empty")
}

func (p *testPool) Request(a netip.Addr) error {
	for at, i := p.from, 0; i < p.n; at, i = at.Next(), i+1 {
		if at == a && !p.used[a] {
			p.used[a] = true
			return nil
		}
	}
	return errors.New("not free")
}

func (p *testPool) Release(a netip.Addr) error {
	if !p.used[a] {
		p.t.Errorf("%v was given back twice", a)
	}
	delete(p.used, a)
	return nil
}

// config is a network with everything; pools of n addresses.
func config(t testing.TB, n int) Config {
	return Config{
		Network: "net1", ServerMAC: serverMAC, MTU: 1400, Domain: "net1.test", Search: []string{"net1.test", "test"},
		LeaseTime: time.Hour, MaxLease: 2 * time.Hour,
		Subnet: subnet, ServerAddr: gateway, Router: gateway, DNS: []netip.Addr{gateway}, Pool: newPool(t, "10.9.0.2", n),
		Prefix6: prefix6, LinkLocal: linkLocal, Pool6: newPool(t, "fd09::2", n), DNS6: []netip.Addr{linkLocal},
		Managed: true, Other: true, OnLink: true, Router6: true,
		Rand: func() float64 { return 0.5 },
	}
}

func newServer(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// macOf is the address of the station of a number; it is behind the port of the same
// number.
func macOf(n int) frame.MAC { return frame.MAC(0x02_00_00_01_00_00 + n) }

// message4 makes a message of station n.
func message4(n int, kind dhcpv4.MessageType, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, TransactionID: dhcpv4.TransactionID{1, 2, 3, byte(n)},
		ClientHWAddr: macOf(n).HardwareAddr(), Options: dhcpv4.Options{},
	}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	for _, mod := range mods {
		mod(m)
	}
	return m
}

// frame4 puts a message into a frame of station n.
func frame4(n int, m *dhcpv4.DHCPv4) []byte {
	src, dst, mac := m.ClientIPAddr, net.IPv4bcast, frame.Broadcast
	if src == nil {
		src = net.IPv4zero
	}
	return datagram4(macOf(n), mac, addr4(src), addr4(dst), clientPort4, serverPort4, m.ToBytes())
}

func datagram4(src, dst frame.MAC, from, to netip.Addr, sport, dport uint16, payload []byte) []byte {
	b := make([]byte, frame.EthernetLen+frame.IPv4Len+frame.UDPLen+len(payload))
	p := frame.EthernetFields{Dst: dst, Src: src, EtherType: frame.TypeIPv4}.Encode(b)
	copy(p[frame.IPv4Len+frame.UDPLen:], payload)
	ip := frame.IPv4Fields{Proto: frame.ProtoUDP, Src: from, Dst: to}.Encode(p)
	u := p[frame.IPv4Len:]
	frame.UDPFields{SrcPort: sport, DstPort: dport}.Encode(u, ip.PseudoSum(len(u)))
	return b
}

func local6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: byte(n >> 8), 15: byte(n)}).Next().Next()
}

func frame6(n int, m *dhcpv6.Message) []byte {
	return datagram6(macOf(n), local6(n), allServers, m.ToBytes())
}

func datagram6(src frame.MAC, from, to netip.Addr, payload []byte) []byte {
	b := make([]byte, frame.EthernetLen+frame.IPv6Len+frame.UDPLen+len(payload))
	p := frame.EthernetFields{Dst: 0x333300010002, Src: src, EtherType: frame.TypeIPv6}.Encode(b)
	copy(p[frame.IPv6Len+frame.UDPLen:], payload)
	ip := frame.IPv6Fields{NextHeader: frame.ProtoUDP, HopLimit: 1, Src: from, Dst: to}.Encode(p)
	u := p[frame.IPv6Len:]
	frame.UDPFields{SrcPort: clientPort6, DstPort: serverPort6}.Encode(u, ip.PseudoSum(frame.ProtoUDP, len(u)))
	return b
}

// answer is a reply taken apart by gopacket, its checksums added up by the judge.
type answer struct {
	mac      frame.MAC
	src, dst netip.Addr
	hops     int
	payload  []byte
	packet   gopacket.Packet
}

// judge checks the frame of a reply from its first byte to its last.
func judge(b []byte, mtu int) (answer, error) {
	if len(b) > frame.EthernetLen+mtu {
		return answer{}, fmt.Errorf("%d bytes, more than the MTU of %d", len(b), mtu)
	}
	if sums, err := testnet.CheckSums(b); sums != testnet.Complete || err != nil {
		return answer{}, fmt.Errorf("checksums %v: %v", sums, err)
	}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		return answer{}, e.Error()
	}
	e := p.LinkLayer().(*layers.Ethernet)
	a := answer{mac: frame.MACFrom(e.DstMAC), packet: p}
	if frame.MACFrom(e.SrcMAC) != serverMAC {
		return a, fmt.Errorf("sent by %v", e.SrcMAC)
	}
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		a.src, _ = netip.AddrFromSlice(ip.SrcIP)
		a.dst, _ = netip.AddrFromSlice(ip.DstIP)
		a.hops = int(ip.TTL)
	case *layers.IPv6:
		a.src, _ = netip.AddrFromSlice(ip.SrcIP)
		a.dst, _ = netip.AddrFromSlice(ip.DstIP)
		a.hops = int(ip.HopLimit)
	}
	if u, ok := p.TransportLayer().(*layers.UDP); ok {
		a.payload = u.Payload
	}
	return a, nil
}

// reply4Of checks an answer and decodes its message.
func reply4Of(t testing.TB, b []byte, mtu int) (answer, *dhcpv4.DHCPv4) {
	t.Helper()
	a, err := judge(b, mtu)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dhcpv4.FromBytes(a.payload)
	if err != nil || a.packet.Layer(layers.LayerTypeDHCPv4) == nil {
		t.Fatalf("not DHCPv4: %v\n%v", err, a.packet)
	}
	if len(a.payload) < minBOOTP || a.src != gateway || a.hops != 64 || m.OpCode != dhcpv4.OpcodeBootReply {
		t.Fatalf("%d bytes from %v, TTL %d, %v", len(a.payload), a.src, a.hops, m.OpCode)
	}
	return a, m
}

func reply6Of(t testing.TB, b []byte, mtu int) (answer, *dhcpv6.Message) {
	t.Helper()
	a, err := judge(b, mtu)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dhcpv6.MessageFromBytes(a.payload)
	if err != nil || a.packet.Layer(layers.LayerTypeDHCPv6) == nil {
		t.Fatalf("not DHCPv6: %v\n%v", err, a.packet)
	}
	if a.src != linkLocal || a.hops != 64 {
		t.Fatalf("from %v, hop limit %d", a.src, a.hops)
	}
	return a, m
}
