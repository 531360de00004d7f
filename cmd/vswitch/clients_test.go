package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// udhcpcScript configures the interface as BusyBox's default script does, and
// leaves the files of /etc alone.
const udhcpcScript = `#!/bin/sh
case $1 in
deconfig) ip -4 addr flush dev $interface ;;
bound|renew) ip addr replace $ip/$mask dev $interface; echo "got $ip router $router dns $dns domain $domain mtu $mtu host $hostname lease $lease" ;;
esac
`

// dhclientScript does the same for ISC's client.
const dhclientScript = `#!/bin/sh
case $reason in
PREINIT) ip link set $interface up ;;
BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/16 dev $interface; echo "got $new_ip_address router $new_routers" ;;
RELEASE|EXPIRE|STOP|FAIL) ip -4 addr flush dev $interface ;;
esac
`

func (l *lab) script(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { os.Remove(path) }) // before the lab looks for what is left
	return path
}

// leaseOf returns the lease of an address, or none.
func (l *lab) leaseOf(addr string) (out api.Lease) {
	l.t.Helper()
	var all []api.Lease
	l.items(&all, "lease", "ls")
	for _, x := range all {
		if x.Address == addr {
			out = x
		}
	}
	return out
}

// Real DHCP clients, in containers of the real switch: they get the address that
// the switch keeps for the container, and it is theirs.
func TestDHCPClients(t *testing.T) {
	testnet.NeedPrograms(t, "udhcpc", "dhclient")
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--subnet", "10.92.0.0/16", "lan")
		l.ok("run", "-d", "--name", "u", "--network", "lan")
		l.ok("run", "-d", "--name", "peer", "--network", "lan")
		own := l.inspect("u").NetworkSettings.Networks["lan"].IPAddress
		l.in("u", "ip", "-4", "addr", "flush", "dev", "eth0")
		script := l.script("udhcpc", udhcpcScript)
		out := l.in("u", "udhcpc", "-f", "-n", "-q", "-i", "eth0", "-t", "5", "-T", "1", "-O", "mtu", "-s", script)
		has(t, out, `got `+own+` router 10\.92\.0\.1 dns 10\.92\.0\.1 domain lan mtu 1500 host [0-9a-f]{12} lease 3600`)
		if x := l.leaseOf(own); x.State != "bound" || x.Container != "u" {
			t.Errorf("the lease: %+v", x)
		}
		l.in("u", "ping", "-c", "1", "-w", "5", "10.92.0.1")
		l.ok("ping", "u", "peer", "-c", "1")
		// dhclient: gets, and gives back.
		l.in("u", "ip", "-4", "addr", "flush", "dev", "eth0")
		isc := l.script("dhclient", dhclientScript)
		t.Cleanup(func() {
			os.Remove(filepath.Join(l.dir, "leases"))
			os.Remove(filepath.Join(l.dir, "dhclient.pid"))
		})
		files := []string{"-1", "-4", "-v", "-cf", "/dev/null", "-lf", filepath.Join(l.dir, "leases"), "-pf", filepath.Join(l.dir, "dhclient.pid"), "-sf", isc, "eth0"}
		has(t, l.in("u", append([]string{"dhclient"}, files...)...), `got `+own+` router 10\.92\.0\.1`)
		l.in("u", append([]string{"dhclient", "-r"}, files...)...)
		if x := l.leaseOf(own); x.State != "reserved" {
			t.Errorf("after the release: %+v", x)
		}
	})
}

// A container that is started with --dhcp asks the server itself; its lease is
// renewed, survives a kill, and ends with the container.
func TestRunWithDHCP(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--subnet", "10.93.0.0/24", "--opt", "vswitch.lease_time=4s", "lan")
		l.ok("run", "-d", "--name", "d", "--network", "lan", "--dhcp")
		l.ok("run", "-d", "--name", "s", "--network", "lan")
		d := l.inspect("d").NetworkSettings.Networks["lan"]
		if d.IPAddress != "10.93.0.2" || d.Gateway != "10.93.0.1" || !d.VSwitch.DHCP {
			t.Errorf("%+v", d)
		}
		has(t, l.in("d", "ip", "-4", "-o", "addr", "show", "eth0"), `inet 10\.93\.0\.2/24`)
		has(t, l.in("d", "ip", "route"), `default via 10\.93\.0\.1 dev eth0`)
		if x := l.leaseOf("10.93.0.2"); x.State != "bound" || x.Container != "d" || x.MAC != d.MacAddress {
			t.Errorf("the lease: %+v", x)
		}
		l.ok("ping", "s", "d", "-c", "1")
		first := l.leaseOf("10.93.0.2").Expires
		renewed := func(since time.Time) bool { return l.leaseOf("10.93.0.2").Expires.Sub(since) > time.Second }
		if !testnet.Eventually(func() bool { return renewed(first) }) {
			t.Errorf("not renewed: %+v", l.leaseOf("10.93.0.2"))
		}
		l.kill()
		if first = l.leaseOf("10.93.0.2").Expires; !testnet.Eventually(func() bool { return renewed(first) }) {
			t.Errorf("not renewed after the kill: %+v", l.leaseOf("10.93.0.2"))
		}
		l.ok("ping", "s", "d", "-c", "1")
		l.ok("rm", "-f", "d")
		if x := l.leaseOf("10.93.0.2"); x.State != "" {
			t.Errorf("after the end: %+v", x)
		}
		l.ok("run", "-d", "--name", "next", "--network", "lan")
		if got := l.inspect("next").NetworkSettings.Networks["lan"].IPAddress; got != "10.93.0.2" {
			t.Errorf("the address is not given out again: %s", got)
		}
	})
}

// Names, as dig and the C library find them: at 127.0.0.11 inside and at the
// gateway, over UDP and TCP.
func TestNames(t *testing.T) {
	testnet.NeedPrograms(t, "dig", "getent")
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "--subnet", "10.94.0.0/24", "lan")
		l.ok("network", "create", "--subnet", "10.95.0.0/24", "other")
		l.ok("run", "-d", "--name", "web", "--network", "lan", "--alias", "www")
		l.ok("run", "-d", "--name", "asks", "--network", "lan")
		l.ok("run", "-d", "--name", "far", "--network", "other")
		c := l.inspect("web")
		v4, v6 := c.NetworkSettings.Networks["lan"].IPAddress, c.NetworkSettings.Networks["lan"].GlobalIPv6Address
		for _, at := range []string{"127.0.0.11", "10.94.0.1"} {
			for _, name := range []string{"web", "www", "WEB", "web.lan", c.ID[:12]} {
				for _, proto := range []string{"+notcp", "+tcp"} {
					got := l.in("asks", "dig", "+short", "+time=3", "+tries=1", proto, "@"+at, name)
					if got != v4 {
						t.Errorf("%s %s @%s: %q", name, proto, at, got)
					}
				}
			}
			if got := l.in("asks", "dig", "+short", "@"+at, "web", "AAAA"); got != v6 {
				t.Errorf("AAAA @%s: %q", at, got)
			}
			if got := l.in("asks", "dig", "+short", "@"+at, "-x", v4); got != "web.lan." {
				t.Errorf("PTR @%s: %q", at, got)
			}
			if got := l.in("asks", "dig", "+short", "@"+at, "web", "MX"); got != "" {
				t.Errorf("MX @%s: %q", at, got)
			}
		}
		has(t, l.in("asks", "getent", "ahostsv4", "www"), `^`+v4+` `)
		has(t, l.in("asks", "getent", "hosts", v4), `web\.lan`)
		has(t, l.in("asks", "cat", "/etc/resolv.conf"), `nameserver 127\.0\.0\.11`)
		// Only who is on a network knows its names.
		if got := l.in("asks", "dig", "+short", "+time=1", "+tries=1", "far.other"); got == "10.95.0.2" {
			t.Error("a name of a network that one is not on")
		}
		l.ok("network", "connect", "--alias", "near", "lan", "far")
		has(t, l.in("asks", "getent", "ahostsv4", "near"), `^10\.94\.0\.4 `)
		l.ok("network", "disconnect", "lan", "far")
		l.run(2, "exec", "asks", "--", "getent", "hosts", "near")
	})
}

// A namespace that somebody else made is joined and left; when it vanishes, that is
// said and nothing else happens.
func TestAttach(t *testing.T) {
	l := newLab(t, asRoot)
	l.ok("run", "-d", "--name", "inside")
	made := testnet.NewForeign(t)
	l.ok("attach", "--netns", made.Path, "--name", "guest", "--ifname", "lan0")
	c := l.inspect("guest")
	addr := c.NetworkSettings.Networks["bridge"].IPAddress
	if c.VSwitch.Kind != "attached" || c.NetworkSettings.Networks["bridge"].VSwitch.Interface != "lan0" || !netip.MustParseAddr(addr).IsValid() {
		t.Errorf("%+v", c)
	}
	l.ok("ping", "inside", "guest", "-c", "1")
	has(t, made.Run(t, "ip", "-4", "-o", "addr"), `lan0 +inet `+addr+`/16`)
	made.Run(t, "ping", "-c", "1", "-w", "5", l.inspect("inside").NetworkSettings.IPAddress)
	l.run(api.ExitConflict, "attach", "--netns", made.Path, "--name", "guest2", "--ifname", "lan0")
	l.kill()
	l.ok("ping", "inside", "guest", "-c", "1")
	l.ok("detach", "guest")
	if got := made.Run(t, "ip", "-o", "link"); strings.Contains(got, "lan0") {
		t.Errorf("left in the namespace: %s", got)
	}
	l.ok("attach", "--netns", made.Path, "--name", "guest")
	made.End(t)
	if !testnet.Eventually(func() bool { return l.inspect("guest").State.Status == "dead" }) {
		t.Errorf("the vanished namespace: %+v", l.inspect("guest").State)
	}
	l.ok("detach", "guest")
	_, errOut := l.run(api.ExitNotFound, "attach", "--netns", made.Path, "--name", "guest")
	has(t, errOut, `\[VS-NET-012\]`)
}
