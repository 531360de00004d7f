package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/api"
)

// What a command line asks the switch for.
func TestRequests(t *testing.T) {
	no := false
	for line, want := range map[string]any{
		"network create blue": api.NetworkCreate{Name: "blue", Driver: "bridge"},
		"network create -d macvlan --internal --attachable --ipv4=false --mtu 1400 --opt parent=eth0 --label a=b --label c blue": api.NetworkCreate{
			Name: "blue", Driver: "macvlan", EnableIPv4: &no, Internal: true, Attachable: true,
			Options: map[string]string{"parent": "eth0", mtuOption: "1400"}, Labels: map[string]string{"a": "b", "c": ""},
		},
		"network create --subnet 10.5.0.0/16,fd00:5::/64 --gateway fd00:5::1 --gateway 10.5.0.1 --ip-range 10.5.1.0/24 --aux-address r=10.5.0.9 blue": api.NetworkCreate{
			Name: "blue", Driver: "bridge", EnableIPv6: true, IPAM: api.IPAM{Config: []api.IPAMConfig{
				{Subnet: "10.5.0.0/16", Gateway: "10.5.0.1", IPRange: "10.5.1.0/24", AuxiliaryAddresses: map[string]string{"r": "10.5.0.9"}},
				{Subnet: "fd00:5::/64", Gateway: "fd00:5::1"},
			}},
		},
		"network create --ipv6 blue":                          api.NetworkCreate{Name: "blue", Driver: "bridge", EnableIPv6: true},
		"network create --ipv6=false --subnet fd00::/64 blue": api.NetworkCreate{Name: "blue", Driver: "bridge", IPAM: api.IPAM{Config: []api.IPAMConfig{{Subnet: "fd00::/64"}}}},
		"network connect --ip 10.5.0.9 --ip6 fd00::9 --network-alias a,b --gw-priority 3 --driver-opt k=v lan web": api.NetworkConnect{
			Container: "web", Endpoint: api.EndpointConfig{
				Network: "lan", IPv4: "10.5.0.9", IPv6: "fd00::9", Aliases: []string{"a", "b"}, GwPriority: 3, DriverOpts: map[string]string{"k": "v"},
			},
		},
		"network disconnect -f lan web": api.NetworkDisconnect{Container: "web", Force: true},
		"stop web":                      api.Stop{Timeout: 10},
		"stop -t 0 web":                 api.Stop{},
		"attach --pid 7 --ifname eth9 --no-guard": api.Attach{
			PID: 7, Interface: "eth9", Endpoint: api.EndpointConfig{Network: "bridge", NoGuard: true},
		},
		"attach --pid 7 -p 8080:80 --expose 443 -P --publish-mode splice": api.Attach{
			PID: 7, Endpoint: api.EndpointConfig{Network: "bridge"}, Publish: api.Publish{
				PortBindings:    map[string][]api.PortBinding{"80/tcp": {{HostPort: "8080"}}},
				ExposedPorts:    map[string]struct{}{"80/tcp": {}, "443/tcp": {}},
				PublishAllPorts: true, PublishMode: "splice",
			},
		},
		"network create --uplink tap:/run/netns/x --nat full-cone --allow-host-loopback blue": api.NetworkCreate{
			Name: "blue", Driver: "bridge",
			Options: map[string]string{"vswitch.uplink": "tap:/run/netns/x", "vswitch.nat": "full-cone", "vswitch.host_loopback": "true"},
		},
		"network create --opt vswitch.uplink=none --uplink network:lan --allow-host-loopback=false blue": api.NetworkCreate{
			Name: "blue", Driver: "bridge", Options: map[string]string{"vswitch.uplink": "network:lan", "vswitch.host_loopback": "false"},
		},
		"port publish web 8081:80 9000/udp --publish-mode source": api.PortPublish{
			PortBindings: map[string][]api.PortBinding{"80/tcp": {{HostPort: "8081"}}, "9000/udp": {{}}}, PublishMode: "source",
		},
		"port unpublish web 80 127.0.0.1:5353:53/udp": api.PortUnpublish{
			PortBindings: map[string][]api.PortBinding{"80/tcp": {}, "53/udp": {{HostIP: "127.0.0.1", HostPort: "5353"}}},
		},
		"ping -6 -c 5 --network lan web db": api.Ping{From: "web", To: "db", Count: 5, IPv6: true, Network: "lan"},
		"iperf -P 4 -R -t 0.5 -u -b 1G web db": api.Iperf{
			From: "web", To: "db", Streams: 4, Reverse: true, Seconds: 0.5, UDP: true, Rate: "1G",
		},
		"down --keep": api.Down{Keep: true},
	} {
		f := newFake()
		if code, _, errOut := f.with(t, "", strings.Fields(line)...); code != 0 {
			t.Errorf("%s: exit code %d\n%s", line, code, errOut)
			continue
		}
		if diff := cmp.Diff(want, f.request, cmp.FilterPath(ipamFrame, cmp.Ignore()), cmp.FilterValues(bothEmpty, cmp.Ignore())); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

// ipamFrame is what every request for a network has alike.
func ipamFrame(p cmp.Path) bool {
	return p.Last().String() == ".Driver" && strings.Contains(p.GoString(), "IPAM")
}

func bothEmpty(x, y map[string]string) bool { return len(x) == 0 && len(y) == 0 }

func TestRunRequest(t *testing.T) {
	f := newFake()
	code, _, errOut := f.with(t, "", "run", "-d", "--name", "n", "-h", "host", "--rm", "-l", "a=b", "--dns", "9.9.9.9", "--dns-search", "x.test",
		"--dns-option", "ndots:2", "--add-host", "db=10.5.0.9", "--add-host", "v6:[fd00::1]", "-w", "/tmp", "-e", "A=1",
		"--network", "name=lan,ip=10.5.0.7,alias=x,alias=y,gw-priority=-1,driver-opt=k=v", "--network", "net2", "--no-guard", "--", "prog", "-d", "--name")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut)
	}
	got := f.request.(api.ContainerCreate)
	if !slices.Contains(got.Env, "A=1") {
		t.Errorf("environment %q", got.Env)
	}
	got.Env = nil
	want := api.ContainerCreate{
		Name: "n", Cmd: []string{"prog", "-d", "--name"}, WorkingDir: "/tmp", Hostname: "host", AutoRemove: true, Labels: map[string]string{"a": "b"},
		Networks: []api.EndpointConfig{
			{Network: "lan", IPv4: "10.5.0.7", Aliases: []string{"x", "y"}, GwPriority: -1, DriverOpts: map[string]string{"k": "v"}, NoGuard: true},
			{Network: "net2", NoGuard: true},
		},
		DNS: []string{"9.9.9.9"}, DNSSearch: []string{"x.test"}, DNSOptions: []string{"ndots:2"},
		ExtraHosts: []string{"db:10.5.0.9", "v6:fd00::1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunNetworks(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []api.EndpointConfig // nil: refused
	}{
		{"", []api.EndpointConfig{}},
		{"--ip 10.0.0.9", []api.EndpointConfig{{Network: "bridge", IPv4: "10.0.0.9"}}},
		{"--dhcp", []api.EndpointConfig{{Network: "bridge", DHCP: true}}},
		{"--network lan --network net2 --ip 10.0.0.9 --dhcp", []api.EndpointConfig{{Network: "lan", IPv4: "10.0.0.9", DHCP: true}, {Network: "net2", DHCP: true}}},
		{"--net lan --net-alias a", []api.EndpointConfig{{Network: "lan", Aliases: []string{"a"}}}},
		{"--network name=lan,dhcp=true,no-guard=1", []api.EndpointConfig{{Network: "lan", DHCP: true, NoGuard: true}}},
		{"--network none", []api.EndpointConfig{{Network: "none"}}},
		{"--network name=lan,ip=10.0.0.8 --ip 10.0.0.9", nil},
		{"--network name=lan,alias=a --alias b", nil},
		{"--network ip=10.0.0.8", nil},
		{"--network name=lan,ip=x", nil},
		{"--network name=lan,gw-priority=high", nil},
		{"--network name=lan,dhcp=perhaps", nil},
		{"--network name=lan,\"", nil},
		{"--network=", nil},
		{"--network container:x", nil},
		{"--ip fd00::1", nil},
		{"--ip6 10.0.0.1", nil},
		{"--mac 02:00:00:00:00:00:00:01", nil},
	} {
		f := newFake()
		args := append(append([]string{"run", "-d"}, strings.Fields(tt.line)...), "--", "prog")
		code, _, errOut := f.with(t, "", args...)
		if tt.want == nil {
			if code != int(api.ExitUsage) || !strings.Contains(errOut, "  fix:") {
				t.Errorf("%s: exit code %d\n%s", tt.line, code, errOut)
			}
			continue
		}
		r, ok := f.request.(api.ContainerCreate)
		if code != 0 || !ok || !slices.EqualFunc(r.Networks, tt.want, func(x, y api.EndpointConfig) bool { return cmp.Equal(x, y) }) {
			t.Errorf("%s: exit code %d, %+v\n%s", tt.line, code, r.Networks, errOut)
		}
	}
}

func TestEnvironment(t *testing.T) {
	caller := []string{"PATH=/bin", "HOME=/h", "LC_ALL=C", "LCX=1", "SECRET=s", "LANG=ko", "USER=u", "TERM=xterm", "VSWITCH_ENV=x"}
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("\ufeff# c\n\n  A=file\nSECRET\nMISSING\nQ=\"x y\" #z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := environment(caller, []string{file}, []string{"A=flag", "HOME=/", "EMPTY="})
	want := []string{"PATH=/bin", "HOME=/", "LC_ALL=C", "LANG=ko", "USER=u", "TERM=xterm", "A=flag", "SECRET=s", "Q=\"x y\" #z", "EMPTY="}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q (%v)", got, want, err)
	}
	if _, err := environment(nil, nil, []string{"=x"}); !isCode(err, api.InvalidValue) {
		t.Errorf("a variable without a name: %v", err)
	}
}

// A file of variables is refused with its line, or gives variables that have names.
func FuzzEnvFile(f *testing.F) {
	for _, s := range []string{"A=1\nB", "# x\n\n =", "\ufeffA=\x00", "a b=1", "\r\nA=1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		env, err := readEnvFile(file)
		if err != nil {
			if !isCode(err, api.InvalidFile) {
				t.Errorf("%v", err)
			}
			return
		}
		for _, kv := range env {
			if name, _, _ := strings.Cut(kv, "="); name == "" || strings.ContainsAny(name, " \t\r\n") {
				t.Errorf("a name %q out of %q", name, text)
			}
		}
	})
}

// The long form of --network gives a network with a name, or an error.
func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"lan", "name=lan,ip=1.2.3.4", "name=lan,\"alias=a,b\"", "name=", "container:x", "name=x,driver-opt==", "="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := parseNetwork(s); err == nil && e.Network == "" || err != nil && !isCode(err, api.InvalidValue) {
			t.Errorf("%q: %+v, %v", s, e, err)
		}
	})
}

func TestPoolErrors(t *testing.T) {
	for _, line := range []string{
		"--subnet 10.5.0.0/16 --subnet 10.5.1.0/24", "--ip-range 10.5.0.0/16", "--subnet 10.5.0.0/16 --ip-range 10.5.0.1",
		"--subnet 10.5.0.0/16 --gateway 10.5.0.1,10.5.0.2", "--subnet 10.5.0.0/16 --aux-address 10.5.0.1",
		"--subnet 10.5.0.0/16 --aux-address a=10.6.0.1", "--gateway x", "--mtu 20", "--opt =x", "--label =",
		"--uplink sockets", "--uplink socket:x", "--uplink none:x", "--uplink tap:", "--uplink network:", "--uplink network", "--uplink=", "--nat cone", "--nat=",
	} {
		f := newFake()
		code, _, errOut := f.with(t, "", append(strings.Fields("network create "+line), "x")...)
		if code != int(api.ExitUsage) || !strings.Contains(errOut, "  fix:") || f.request != nil {
			t.Errorf("%s: exit code %d, asked %v\n%s", line, code, f.request, errOut)
		}
	}
}
