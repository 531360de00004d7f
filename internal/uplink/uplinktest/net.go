package uplinktest

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// The network of the tests: its gateway's and its container's port, and the names that
// it has for the host's loopback.
const (
	GatewayPort frame.PortID = 7
	StationPort frame.PortID = 3
	MTU                      = 1500
)

var (
	Loopback4  = netip.MustParseAddr("10.1.0.254")
	Loopback6  = netip.MustParseAddr("fd00:1::fe")
	GatewayMAC = frame.MAC(0x02_00_00_00_00_01)
	// Alice4, Alice6 and Bob4 are the containers.
	Alice4 = Station{netip.MustParseAddr("10.1.0.2"), 0x02_00_00_00_00_02}
	Alice6 = Station{netip.MustParseAddr("fd00:1::2"), 0x02_00_00_00_00_02}
	Bob4   = Station{netip.MustParseAddr("10.1.0.3"), 0x02_00_00_00_00_03}
)

// TestNet returns a network with an open loopback, Alice and Bob.
func TestNet() *uplink.Net {
	stations := map[netip.Addr]frame.MAC{Alice4.Addr: Alice4.MAC, Alice6.Addr: Alice6.MAC, Bob4.Addr: Bob4.MAC}
	return &uplink.Net{
		Name: "test", ID: 1, Port: GatewayPort, MAC: GatewayMAC,
		Addr4: netip.MustParseAddr("10.1.0.1"), Addr6: netip.MustParseAddr("fd00:1::1"), MTU: MTU,
		Lookup:    func(a netip.Addr) (frame.MAC, bool) { m, ok := stations[a]; return m, ok },
		Loopback4: Loopback4, Loopback6: Loopback6, HostLoopback: true,
	}
}
