package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/api"
)

// SPEC, as Docker reads it, in Docker's map.
func TestReadBindings(t *testing.T) {
	type bindings = map[string][]api.PortBinding
	for _, tt := range []struct {
		specs []string
		want  bindings
	}{
		{nil, nil},
		{[]string{"80"}, bindings{"80/tcp": {{}}}},
		{[]string{"0:80"}, bindings{"80/tcp": {{}}}},
		{[]string{"8080:80"}, bindings{"80/tcp": {{HostPort: "8080"}}}},
		{[]string{"8080:80/UDP"}, bindings{"80/udp": {{HostPort: "8080"}}}},
		{[]string{"127.0.0.1:8080:80"}, bindings{"80/tcp": {{HostIP: "127.0.0.1", HostPort: "8080"}}}},
		{[]string{"[::1]:8080:80"}, bindings{"80/tcp": {{HostIP: "::1", HostPort: "8080"}}}},
		{[]string{"::1:8080:80"}, bindings{"80/tcp": {{HostIP: "::1", HostPort: "8080"}}}},
		{[]string{"0.0.0.0:8080:80"}, bindings{"80/tcp": {{HostIP: "0.0.0.0", HostPort: "8080"}}}},
		{[]string{"127.0.0.1::80"}, bindings{"80/tcp": {{HostIP: "127.0.0.1"}}}},
		{[]string{"8000-8010:80"}, bindings{"80/tcp": {{HostPort: "8000-8010"}}}},
		{[]string{"8000-8001:90-91"}, bindings{"90/tcp": {{HostPort: "8000"}}, "91/tcp": {{HostPort: "8001"}}}},
		{[]string{"90-91"}, bindings{"90/tcp": {{}}, "91/tcp": {{}}}},
		{[]string{"8080:80", "127.0.0.1:53:53/udp", "8081:80"}, bindings{"80/tcp": {{HostPort: "8080"}, {HostPort: "8081"}}, "53/udp": {{HostIP: "127.0.0.1", HostPort: "53"}}}},
	} {
		got, err := readBindings("--publish", "--publish 8080:80", tt.specs)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", tt.specs, err, diff)
		}
	}
}

// What is wrong is told in Docker's words.
func TestWrongSpecs(t *testing.T) {
	for spec, want := range map[string]struct {
		code api.Code
		why  string
	}{
		"":                {api.InvalidValue, "no port specified: <empty>"},
		"8080:":           {api.InvalidValue, "no port specified: 8080:<empty>"},
		"a:80":            {api.InvalidValue, "invalid hostPort: a"},
		"80/icmp":         {api.InvalidValue, "invalid proto: icmp"},
		"1.2.3:80:80":     {api.InvalidValue, "invalid IP address: 1.2.3"},
		"8000-8001:1-3":   {api.InvalidValue, "invalid ranges specified for container and host Ports: 1-3 and 8000-8001"},
		"65536":           {api.InvalidValue, "invalid containerPort: 65536"},
		"8080:80/sctp":    {api.PublishProtocol, "published sctp ports need an uplink that carries packets: 8080:80/sctp"},
		"\x1b[31m8080:80": {api.InvalidValue, "invalid hostPort: \x1b[31m8080"},
	} {
		_, err := readSpec("--publish", "--publish 8080:80", spec)
		if e := api.AsError(err); err == nil || e.Code != want.code || e.Why != want.why || e.Remedy() == "" || e.Exit() != api.ExitUsage {
			t.Errorf("%q: %v, %+v", spec, err, e)
		}
	}
}

// A port that is named without a place on the host means all of its places.
func TestReadUnpublish(t *testing.T) {
	got, err := readUnpublish("web", []string{"8080:80", "80", "8443:443", "[::]:8443:443", "53/udp", "8000-8010:90"})
	want := map[string][]api.PortBinding{
		"80/tcp": {}, "443/tcp": {{HostPort: "8443"}, {HostIP: "::", HostPort: "8443"}}, "53/udp": {}, "90/tcp": {{HostPort: "8000-8010"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := readUnpublish("web", []string{"[::1]::80"}); !isCode(err, api.InvalidValue) {
		t.Errorf("an address without a port: %v", err)
	}
}

// What the flags ask for, without a switch. What -p names is exposed, too.
func TestPublishRequest(t *testing.T) {
	p := publishFlags{specs: []string{"8080:80"}, exposed: []string{"53/udp", "9000-9001"}, all: true}
	got, err := p.request()
	want := api.Publish{
		PortBindings:    map[string][]api.PortBinding{"80/tcp": {{HostPort: "8080"}}},
		ExposedPorts:    map[string]struct{}{"80/tcp": {}, "53/udp": {}, "9000/tcp": {}, "9001/tcp": {}},
		PublishAllPorts: true,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := (&publishFlags{}).request(); err != nil || !cmp.Equal(got, api.Publish{}) {
		t.Errorf("no flag: %+v, %v", got, err)
	}
}

// What is new is what port publish prints.
func TestAddedPorts(t *testing.T) {
	a, b, c := api.PortBinding{HostIP: "0.0.0.0", HostPort: "1"}, api.PortBinding{HostIP: "::", HostPort: "1"}, api.PortBinding{HostIP: "::", HostPort: "2"}
	type ports = map[string][]api.PortBinding
	got := added(ports{"80/tcp": {a}, "81/tcp": {c}}, ports{"80/tcp": {a, b}, "53/udp": {c}, "443/tcp": nil})
	if diff := cmp.Diff(ports{"80/tcp": {b}, "53/udp": {c}}, got); diff != "" {
		t.Error(diff)
	}
}

// A binding that was read names its port and its place on the host again, and what
// cannot be read is refused as a slip of the user's.
func FuzzSpec(f *testing.F) {
	for _, s := range []string{"80", "8080:80/udp", "[::1]:1-3:4-6", "127.0.0.1::80", "1-2:3", "80/sctp", ":::1:2", "[::1%lo]:1:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		specs, err := readSpec("--publish", "--publish 8080:80", text)
		if err != nil {
			if api.ExitOf(err) != api.ExitUsage {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, s := range specs[:min(len(specs), 3)] {
			again, err := readBindings("", "", []string{s.String()})
			if err != nil || !slices.Equal(again[portKey(s)], []api.PortBinding{bindingOf(s)}) {
				t.Errorf("%q: %v is %v again (%v)", text, s, again, err)
			}
		}
	})
}
