package main

import (
	"testing"

	"vswitch/internal/api"
)

// The column PORTS, as Docker's client of version 28 writes it.
func TestPortText(t *testing.T) {
	tcp := func(ip string, public, private uint16) api.Port {
		return api.Port{IP: ip, PublicPort: public, PrivatePort: private, Type: "tcp"}
	}
	udp := func(ip string, public, private uint16) api.Port {
		return api.Port{IP: ip, PublicPort: public, PrivatePort: private, Type: "udp"}
	}
	for _, tt := range []struct {
		ports []api.Port
		want  string
	}{
		{nil, ""},
		{[]api.Port{tcp("", 0, 80)}, "80/tcp"},
		{[]api.Port{tcp("::", 8080, 80), tcp("0.0.0.0", 8080, 80)}, "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"},
		{[]api.Port{udp("0.0.0.0", 9001, 9001), udp("0.0.0.0", 9000, 9000)}, "0.0.0.0:9000-9001->9000-9001/udp"},
		{[]api.Port{tcp("0.0.0.0", 80, 80), udp("0.0.0.0", 81, 81)}, "0.0.0.0:80->80/tcp, 0.0.0.0:81->81/udp"},
		{[]api.Port{tcp("", 0, 80), tcp("", 0, 81), tcp("", 0, 83)}, "80-81/tcp, 83/tcp"},
		{[]api.Port{tcp("", 0, 53), udp("", 0, 53)}, "53/tcp, 53/udp"},
		{[]api.Port{tcp("0.0.0.0", 1, 1), tcp("::", 1, 1), tcp("0.0.0.0", 2, 2), tcp("::", 2, 2)}, "0.0.0.0:1-2->1-2/tcp, [::]:1-2->1-2/tcp"},
		{[]api.Port{tcp("0.0.0.0", 9000, 1), tcp("0.0.0.0", 9001, 2)}, "0.0.0.0:9000->1/tcp, 0.0.0.0:9001->2/tcp"},
		{[]api.Port{tcp("0.0.0.0", 8080, 80), tcp("", 0, 443)}, "443/tcp, 0.0.0.0:8080->80/tcp"},
		{[]api.Port{tcp("0.0.0.0", 1, 1), tcp("127.0.0.1", 2, 2)}, "0.0.0.0:1->1/tcp, 127.0.0.1:2->2/tcp"},
		{[]api.Port{tcp("0.0.0.0", 65535, 65535), tcp("0.0.0.0", 65534, 65534)}, "0.0.0.0:65534-65535->65534-65535/tcp"},
	} {
		if got := portText(tt.ports); got != tt.want {
			t.Errorf("%v:\ngot  %q\nwant %q", tt.ports, got, tt.want)
		}
	}
}

// publish= is the host's port, expose= the container's; one of them is enough.
func TestPortFilters(t *testing.T) {
	ports := []api.Port{
		{IP: "0.0.0.0", PublicPort: 8080, PrivatePort: 80, Type: "tcp"}, {IP: "::1", PublicPort: 5353, PrivatePort: 53, Type: "udp"},
		{PrivatePort: 443, Type: "tcp"},
	}
	for _, tt := range []struct {
		pairs []string
		want  bool
	}{
		{nil, true},
		{[]string{"publish=8080"}, true}, {[]string{"publish=8080/tcp"}, true}, {[]string{"publish=8080/udp"}, false},
		{[]string{"publish=80"}, false}, {[]string{"publish=8000-8100"}, true}, {[]string{"publish=5353"}, false},
		{[]string{"publish=5353/udp"}, true}, {[]string{"publish=443"}, false},
		{[]string{"expose=80"}, true}, {[]string{"expose=443/tcp"}, true}, {[]string{"expose=8080"}, false}, {[]string{"expose=50-60/udp"}, true},
		{[]string{"publish=1", "expose=80"}, true}, {[]string{"publish=1", "publish=8080"}, true}, {[]string{"publish=1", "expose=2"}, false},
	} {
		keep, _, err := containerFilter(tt.pairs)
		if err != nil {
			t.Fatal(err)
		}
		if got := keep(api.ContainerSummary{Ports: ports}); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.pairs, got, tt.want)
		}
	}
	for _, pair := range []string{"publish=x", "expose=", "publish=8080:80", "expose=0", "publish=80/sctp"} {
		if _, _, err := containerFilter([]string{pair}); api.ExitOf(err) != api.ExitUsage {
			t.Errorf("%s: %v", pair, err)
		}
	}
}
