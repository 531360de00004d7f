package daemon

import (
	"bufio"
	"bytes"
	"testing"

	"vswitch/internal/api"
)

// The networks that leave by sockets share one way out, which is counted once; a NAT is
// counted for its network.
func TestUplinkMetrics(t *testing.T) {
	network := func(name string, u *api.UplinkState) api.Network {
		return api.Network{Name: name, VSwitch: &api.NetworkExtra{Uplink: u}}
	}
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	metrics{w}.uplinks([]api.Network{
		network("a", &api.UplinkState{Kind: "socket", Flows: 3, Opened: 7}),
		network("b", &api.UplinkState{Kind: "socket", Flows: 3, Opened: 7}),
		network("c", &api.UplinkState{Kind: "network", Flows: 2}),
		network("d", &api.UplinkState{Kind: "none"}),
		{Name: "host"},
	})
	w.Flush()
	got := map[string]float64{}
	for _, s := range readMetrics(t, out.String()) {
		got[s.name+" "+s.labels["kind"]+" "+s.labels["network"]] = s.value
	}
	for name, want := range map[string]float64{
		"vswitch_uplink_connections socket ": 3, "vswitch_uplink_opened_total socket ": 7, "vswitch_uplink_connections network c": 2,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %v, %v", name, v, ok)
		}
	}
	if len(got) != 16 {
		t.Errorf("%d samples: %v", len(got), got)
	}
}
