package network

import (
	"net/netip"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/nat"
)

func TestReadOptions(t *testing.T) {
	plain := options{icc: true, mode4: modeNAT, mode6: modeNAT, mtu: 1500, ifPrefix: "eth",
		uplink: uplinkOption{kind: uplinkSocket}, personality: nat.PortRestricted, maxFlows: defaultMaxFlows}
	with := func(change func(*options)) options {
		o := plain
		change(&o)
		return o
	}
	for _, c := range []struct {
		key, value string
		want       options
		bad        bool
	}{
		{"", "", plain, false},
		{optName, "br0", with(func(o *options) { o.name = "br0" }), false},
		{optICC, "false", with(func(o *options) { o.icc = false }), false},
		{optICC, "0", with(func(o *options) { o.icc = false }), false},
		{optICC, "T", plain, false},
		{optICC, "no", plain, true},
		{optICC, "", plain, true},
		{optMTU, "9000", with(func(o *options) { o.mtu = 9000 }), false},
		{optMTU, "68", with(func(o *options) { o.mtu = 68 }), false},
		{optMTU, "65521", with(func(o *options) { o.mtu = 65521 }), false},
		{optMTU, "67", plain, true},
		{optMTU, "65522", plain, true},
		{optMTU, "1e3", plain, true},
		{optMTU, "", plain, true},
		{optMode4, modeRouted, with(func(o *options) { o.mode4 = modeRouted }), false},
		{optMode6, modeIsolated, with(func(o *options) { o.mode6 = modeIsolated }), false},
		{optMode4, "bridge", plain, true},
		{optInhibit4, "1", with(func(o *options) { o.inhibit4 = true }), false},
		{optIfPrefix, "net", with(func(o *options) { o.ifPrefix = "net" }), false},
		{optIfPrefix, "", plain, true},
		{optIfPrefix, "elevenbytes", plain, true},
		{optIfPrefix, "../../x", plain, true},
		{optIfPrefix, "a.b", plain, true},
		{optIfPrefix, "a b", plain, true},
		{optIfPrefix, "\u00e9", plain, true},
		{optIfPrefix, "lo", plain, true},
		{optHostBinding, "127.0.0.1", with(func(o *options) { o.hostBinding = netip.MustParseAddr("127.0.0.1") }), false},
		{optHostBinding, "::", with(func(o *options) { o.hostBinding = netip.IPv6Unspecified() }), false},
		{optHostBinding, "localhost", plain, true},
		{optMasquerade, "maybe", plain, true},
		{optOverlap, "true", with(func(o *options) { o.overlap = true }), false},
		{optUplink, "none", with(func(o *options) { o.uplink.kind = uplinkNone }), false},
		{optUplink, "tap", with(func(o *options) { o.uplink.kind = uplinkTap }), false},
		{optUplink, "tap:/run/netns/lab", with(func(o *options) { o.uplink = uplinkOption{uplinkTap, "/run/netns/lab"} }), false},
		{optUplink, "network:outer", with(func(o *options) { o.uplink = uplinkOption{uplinkNetwork, "outer"} }), false},
		{optUplink, "network", plain, true},
		{optUplink, "network:", plain, true},
		{optUplink, "socket:x", plain, true},
		{optUplink, "", plain, true},
		{optHostLoopback, "true", with(func(o *options) { o.hostLoopback = true }), false},
		{optNAT, "full-cone", with(func(o *options) { o.personality = nat.FullCone }), false},
		{optNAT, "cone", plain, true},
		{optMaxFlows, "10", with(func(o *options) { o.maxFlows = 10 }), false},
		{optMaxFlows, "0", plain, true},
		{"com.example.other", "whatever", plain, false},
	} {
		got, err := readOptions(map[string]string{c.key: c.value})
		switch {
		case !c.bad && (err != nil || got != c.want):
			t.Errorf("%s=%q: %+v, %v", c.key, c.value, got, err)
		case c.bad && (err == nil || !strings.Contains(err.Error(), c.key) || api.AsError(err).Code != api.InvalidValue):
			t.Errorf("%s=%q: %v", c.key, c.value, err)
		}
	}
}

// What a driver says about a whole network.
func TestCheckNetwork(t *testing.T) {
	for _, c := range []struct {
		what   string
		r      Record
		driver Driver
		code   api.Code
		warns  int
	}{
		{"plain", Record{}, bridgeDriver{}, "", 0},
		{"unknown options", Record{Options: map[string]string{"b": "", "a": ""}}, bridgeDriver{}, "", 2},
		{"isolated and internal", Record{Internal: true, Options: map[string]string{optMode4: modeIsolated}}, bridgeDriver{}, "", 0},
		{"isolated", Record{Options: map[string]string{optMode4: modeIsolated}}, bridgeDriver{}, api.InvalidValue, 0},
		{"IPv6 over a small MTU", Record{EnableIPv6: true, Options: map[string]string{optMTU: "1279"}}, bridgeDriver{}, api.InvalidValue, 0},
		{"a second host", Record{}, hostDriver{}, api.Predefined, 0},
		{"a second null", Record{}, nullDriver{}, api.Predefined, 0},
		{"the first host", Record{Predefined: true}, hostDriver{}, "", 0},
	} {
		warnings, err := c.driver.Check(&c.r)
		wants(t, c.what, err, c.code)
		if len(warnings) != c.warns {
			t.Errorf("%s: warnings %q", c.what, warnings)
		}
	}
	if _, err := driverOf("bridgge"); err == nil || !strings.Contains(api.AsError(err).Text(), "-d bridge") {
		t.Errorf("no proposal: %v", err)
	}
}
