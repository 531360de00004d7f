package daemon

import "vswitch/internal/api"

// uplinks writes what the networks' ways out count. Those that are sockets of the host
// share one, whose counts are written once.
func (m metrics) uplinks(nets []api.Network) {
	type way struct {
		name string
		of   *api.UplinkState
	}
	var ways []way
	sockets := false
	for i := range nets {
		x := nets[i].VSwitch
		if x == nil || x.Uplink == nil || x.Uplink.Kind == "none" || x.Uplink.Kind == "socket" && sockets {
			continue
		}
		w := way{nets[i].Name, x.Uplink}
		if x.Uplink.Kind == "socket" {
			sockets, w.name = true, ""
		}
		ways = append(ways, w)
	}
	for _, f := range []struct {
		name, kind, help string
		of               func(*api.UplinkState) uint64
	}{
		{"vswitch_uplink_connections", "gauge", "Connections through the way out.", func(u *api.UplinkState) uint64 { return u.Flows }},
		{"vswitch_uplink_opened_total", "counter", "Connections that there were.", func(u *api.UplinkState) uint64 { return u.Opened }},
		{"vswitch_uplink_refused_total", "counter", "Connections that the far end refused.", func(u *api.UplinkState) uint64 { return u.Refused }},
		{"vswitch_uplink_failed_total", "counter", "Connections that the host could not open.", func(u *api.UplinkState) uint64 { return u.Failed }},
		{"vswitch_uplink_limited_total", "counter", "Connections that were one too many.", func(u *api.UplinkState) uint64 { return u.Limited }},
		{"vswitch_uplink_exhausted_total", "counter", "Connections that the host had no socket for.", func(u *api.UplinkState) uint64 { return u.Exhausted }},
		{"vswitch_uplink_stashed_bytes_total", "counter", "Payload that had to be copied because a socket took less than it had promised.", func(u *api.UplinkState) uint64 { return u.StashedBytes }},
		{"vswitch_uplink_resent_bytes_total", "counter", "Payload that a container was sent a second time.", func(u *api.UplinkState) uint64 { return u.Resent }},
	} {
		m.head(f.name, f.kind, f.help)
		for _, w := range ways {
			m.sample(f.name, float64(f.of(w.of)), "kind", w.of.Kind, "network", w.name)
		}
	}
}
