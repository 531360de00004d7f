package ipam_test

import (
	"fmt"
	"net/netip"

	"vswitch/ipam"
)

// A network of two containers: its subnet, its gateway, their addresses.
func Example() {
	space, err := ipam.NewSpace(ipam.SpaceConfig{ID: "this switch"})
	if err != nil {
		fmt.Println(err)
		return
	}
	lan := ipam.Taken{Prefix: netip.MustParsePrefix("172.17.0.0/16"), By: "route of the host via eth0"}
	subnet, err := space.Allocate("network web", []ipam.Taken{lan})
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := ipam.NewPool(ipam.PoolConfig{Subnet: subnet})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pool.Subnet(), "gateway", pool.Gateway())
	for _, name := range []string{"alice", "bob"} {
		a, err := pool.Next()
		fmt.Println(name, a, ipam.MACFor(a), err)
	}
	fmt.Println(pool.Request(netip.MustParseAddr("172.18.0.3")))
	fmt.Println(space.Claim(netip.MustParsePrefix("172.18.5.0/24"), "network db", lan))
	// Output:
	// 172.18.0.0/16 gateway 172.18.0.1
	// alice 172.18.0.2 02:42:ac:12:00:02 <nil>
	// bob 172.18.0.3 02:42:ac:12:00:03 <nil>
	// ipam: 172.18.0.3: address is in use
	// ipam: subnet 172.18.5.0/24 overlaps 172.18.0.0/16 of network web; 172.19.0.0/24 is free
}

// A range narrows down what containers get by themselves; a fixed address may be
// anywhere in the subnet.
func ExamplePool_Request() {
	pool, err := ipam.NewPool(ipam.PoolConfig{
		Subnet: netip.MustParsePrefix("10.79.0.0/24"),
		Range:  netip.MustParsePrefix("10.79.0.128/25"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pool.Gateway())
	fmt.Println(pool.Next())
	fmt.Println(pool.Request(netip.MustParseAddr("10.79.0.5")))
	fmt.Println(pool.Request(netip.MustParseAddr("10.79.0.255")))
	// Output:
	// 10.79.0.128
	// 10.79.0.129 <nil>
	// <nil>
	// ipam: 10.79.0.255 is the broadcast address of 10.79.0.0/24: not an address for a container
}
