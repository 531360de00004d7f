package network

import (
	"slices"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/frame"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "web": true, "Web-1_x.y": true, "1": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, ".a": false, "_a": false, "a b": false, "a/b": false, "a\n": false, "\u00e9": false, "a:b": false,
		strings.Repeat("a", 64): false,
	} {
		if validName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestMadeNames(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 { // more than there are pairs of words
		name := anyName(func(s string) bool { return seen[s] })
		if seen[name] || !validName(name) {
			t.Fatalf("%q", name)
		}
		seen[name] = true
		id := newID()
		if len(id) != 64 || decimal.MatchString(id[:12]) || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
		if mac := RandomMAC(); mac.Group() || mac>>40 != 2 {
			t.Fatalf("%v", mac)
		}
	}
}

// What a user writes for an object.
func TestLookup(t *testing.T) {
	boxes := map[string]*box{}
	for id, name := range map[string]string{
		"aaaa11": "web", "aaaa22": "db", "bbbb33": "aaaa22x", "cccc44": "cccc", "cccc55": "other", "dddd66": "dddd6",
	} {
		boxes[id] = &box{rec: Container{ID: id, Name: name}}
	}
	m := &Manager{containers: boxes}
	for ref, want := range map[string]string{
		"aaaa11": "aaaa11", "web": "aaaa11", "/web": "aaaa11", "aaaa1": "aaaa11", "AAAA1": "aaaa11", "b": "bbbb33",
		"aaaa22": "aaaa22", "aaaa22x": "bbbb33", "cccc": "cccc44", "cccc5": "cccc55", "dddd6": "dddd66",
	} {
		b, err := m.container(ref)
		if err != nil || b.rec.ID != want {
			t.Errorf("%q: %v, want %s", ref, err, want)
		}
	}
	for ref, code := range map[string]api.Code{
		"": api.UnknownName, "/": api.UnknownName, "//web": api.UnknownName, "aaaa": api.Ambiguous, "ccc": api.Ambiguous,
		"wbe": api.UnknownName, "Web": api.UnknownName, "aaaa111": api.UnknownName, strings.Repeat("x", 1<<16): api.UnknownName,
	} {
		_, err := m.container(ref)
		wants(t, ref[:min(len(ref), 20)], err, code)
	}
	if _, err := m.container("wbe"); !strings.Contains(api.AsError(err).Text(), "web") {
		t.Errorf("no proposal: %v", err)
	}
}

func TestNamesOfEndpoint(t *testing.T) {
	for _, c := range []struct {
		name, host string
		aliases    []string
		want       []string
	}{
		{"web", "0123456789ab", nil, []string{"web", "0123456789ab"}},
		{"web", "h", []string{"www", "WEB", "h", "www"}, []string{"web", "www", "h", "0123456789ab"}},
		{"web", "", nil, []string{"web", "0123456789ab"}},
	} {
		r := Container{ID: "0123456789abcdef", Name: c.name, Hostname: c.host}
		aliases := slices.Clone(c.aliases)
		if got := r.names(&Endpoint{Aliases: c.aliases}); !slices.Equal(got, c.want) || !slices.Equal(aliases, c.aliases) {
			t.Errorf("%+v: %q, aliases %q", c, got, c.aliases)
		}
	}
}

func TestBadLabel(t *testing.T) {
	for s, bad := range map[string]bool{
		"web": false, "a-b.c": false, "A1": false, "": true, "a_b": true, "a b": true, "a\x00": true, "\u00e9": true, strings.Repeat("a", 64): true,
	} {
		if badLabel(s) != bad {
			t.Errorf("%q: %v", s, !bad)
		}
	}
}

// What a container cannot be like is said when it is made.
func TestCreateRefused(t *testing.T) {
	r := newRig(t, nil)
	r.network("own", "10.61.0.0/24")
	r.network("given", "")
	r.network("off", "10.62.0.0/24")
	r.run("web", on("own")...)
	before := r.tables()
	for _, c := range []struct {
		what string
		c    api.ContainerCreate
		code api.Code
	}{
		{"a name with a space", api.ContainerCreate{Name: "a b"}, api.InvalidValue},
		{"a long name", api.ContainerCreate{Name: strings.Repeat("a", 64)}, api.InvalidValue},
		{"a name twice", api.ContainerCreate{Name: "web"}, api.NameExists},
		{"a host name with a space", api.ContainerCreate{Hostname: "a b"}, api.InvalidValue},
		{"no name server", api.ContainerCreate{DNS: []string{"dns"}}, api.InvalidValue},
		{"no domain", api.ContainerCreate{DNSSearch: []string{"a\nnameserver 6.6.6.6"}}, api.InvalidValue},
		{"no option", api.ContainerCreate{DNSOptions: []string{"a b"}}, api.InvalidValue},
		{"no variable", api.ContainerCreate{Env: []string{"=x"}}, api.InvalidValue},
		{"no host", api.ContainerCreate{ExtraHosts: []string{"a"}}, api.InvalidValue},
		{"no host's address", api.ContainerCreate{ExtraHosts: []string{"a:b"}}, api.InvalidValue},
		{"no such network", api.ContainerCreate{Networks: on("nowhere")}, api.UnknownName},
		{"a network twice", api.ContainerCreate{Networks: on("own", "own")}, api.NameExists},
		{"host and another", api.ContainerCreate{Networks: on("host", "own")}, api.ModeExclusive},
		{"none and another", api.ContainerCreate{Networks: on("own", "none")}, api.ModeExclusive},
		{"an address on host", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "host", IPv4: "10.61.0.9"}}}, api.InvalidValue},
		{"an alias with a space", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", Aliases: []string{"a b"}}}}, api.InvalidValue},
		{"an address outside", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", IPv4: "10.62.0.9"}}}, api.AddressOutside},
		{"no IPv6 there", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", IPv6: "fd00::9"}}}, api.AddressOutside},
		{"IPv6 as IPv4", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", IPv4: "::ffff:10.61.0.9"}}}, api.InvalidValue},
		{"no address", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", IPv4: "x"}}}, api.InvalidValue},
		{"no subnet of the user's", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "given", IPv4: "172.18.0.9"}}}, api.AddressNoSubnet},
		{"fixed and DHCP", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", IPv4: "10.61.0.9", DHCP: true}}}, api.WrongUsage},
		{"no hardware address", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", MAC: "x"}}}, api.InvalidValue},
		{"a group address", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", MAC: "01:00:00:00:00:01"}}}, api.InvalidValue},
		{"a long hardware address", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", MAC: "02:00:00:00:00:00:00:01"}}}, api.InvalidValue},
		{"no hardware address but zeros", api.ContainerCreate{Networks: []api.EndpointConfig{{Network: "own", MAC: frame.MAC(0).String()}}}, api.InvalidValue},
	} {
		_, err := r.CreateContainer(c.c)
		wants(t, c.what, err, c.code)
	}
	if after := r.tables(); !slices.Equal(after, before) {
		t.Errorf("left:\n%s", strings.Join(after, "\n"))
	}
	wants(t, "remove a network in use", r.RemoveNetwork("own"), api.ObjectInUse)
	wants(t, "remove the bridge", r.RemoveNetwork("bridge"), api.Predefined)
	gone, err := r.PruneNetworks()
	if !slices.Equal(gone, []string{"given", "off"}) || err != nil {
		t.Errorf("pruned %q, %v", gone, err)
	}
}
