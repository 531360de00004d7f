package network

import (
	"fmt"
	"net/netip"
	"testing"

	"vswitch/internal/frame"
)

// crowd is a network of a thousand containers, without anything that runs.
func crowd(b *testing.B) *services {
	b.Helper()
	const containers = 1000
	m := &Manager{networks: map[string]*Network{}, containers: map[string]*box{}}
	n := &Network{rec: Record{ID: "net", Name: "net"}, driver: bridgeDriver{}, users: map[string]bool{}}
	m.networks["net"] = n
	for i := range containers {
		id := fmt.Sprintf("%064x", i)
		addr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 16)
		m.containers[id] = &box{m: m, plugs: map[string]*Plug{id: {id: frame.PortID(i)}}, rec: Container{
			ID: id, Name: fmt.Sprint("c", i), State: Running,
			Endpoints: []Endpoint{{ID: id, Network: "net", Ifname: "eth0", IPv4: addr, MAC: frame.MAC(i + 1)}},
		}}
		n.users[id] = true
	}
	return &services{s: &Segment{m: m}, n: n}
}

// What a request for an address and a question for a name cost in a network of a
// thousand, without the answer itself, and the look for a hardware address of a start.
func BenchmarkThousandContainers(b *testing.B) {
	v := crowd(b)
	m := v.s.m
	b.Run("owner", func(b *testing.B) {
		for i := range b.N {
			if _, ok := v.owner(frame.PortID(i % 1000)); !ok {
				b.Fatal("nobody")
			}
		}
	})
	b.Run("view", func(b *testing.B) {
		for i := range b.N {
			v.viewAt(netip.AddrFrom4([4]byte{10, 0, byte(i % 1000 >> 8), byte(i)}))
		}
	})
	b.Run("lookup", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.container("c999"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
