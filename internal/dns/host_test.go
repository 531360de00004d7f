package dns

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// The host's names are known to who may reach it, whatever else they know, and are
// like any other name to the rest.
func TestHostNames(t *testing.T) {
	s := New(Config{Zone: testZone()})
	host := onBoth
	host.Host = []netip.Addr{netip.MustParseAddr("169.254.1.2"), netip.MustParseAddr("fd00::2")}
	bridge := host
	bridge.Names = false
	none := onBoth
	four := onBoth
	four.Host = host.Host[:1]
	for _, c := range []struct {
		name string
		typ  dnsmessage.Type
		view View
		want string
	}{
		{"host.vswitch.internal.", a, host, "169.254.1.2"},
		{"Host.Docker.Internal.", aaaa, host, "fd00::2"},
		{"host.vswitch.internal.", a, bridge, "169.254.1.2"},
		{"host.vswitch.internal.", txt, host, ""},
		{"host.vswitch.internal.", aaaa, four, ""},
		{"host.vswitch.internal.", a, none, forwarding},
		{"web.host.vswitch.internal.", a, host, forwarding},
	} {
		if got := outcome(t, s, c.view, message(t, c.name, c.typ)); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.name, c.typ, got, c.want)
		}
	}
}
