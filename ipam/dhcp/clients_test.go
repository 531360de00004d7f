package dhcp

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/testnet"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// udhcpcScript does what a client's script must, and tells what the server said.
const udhcpcScript = `#!/bin/sh
case $1 in
deconfig) ip -4 addr flush dev "$interface" ;;
bound|renew) ip -4 addr replace "$ip/$mask" dev "$interface"; ip route replace default via "$router" ;;
esac
echo "$1 ip=$ip mask=$mask router=$router dns=$dns domain=$domain search=$search host=$hostname mtu=$mtu lease=$lease broadcast=$broadcast server=$serverid"
`

// BusyBox's client: the address and all options, a renewal, a release.
func TestUDHCPC(t *testing.T) {
	n := newLAN(t, nil)
	p := n.Start(t, "udhcpc", "-f", "-n", "-i", "eth0", "-s", n.file("script", 0o755, udhcpcScript), "-t", "10", "-T", "1",
		"-O", "mtu", "-O", "search", "-O", "hostname", "-O", "broadcast", "-O", "lease", "-x", "lease:1800")
	p.Await(t, "bound ip=10.9.0.2 mask=24 router=10.9.0.1 dns=10.9.0.1 domain=net1.test search=net1.test test host=box "+
		"mtu=1400 lease=1800 broadcast=10.9.0.255 server=10.9.0.1")
	n.has("10.9.0.2/24", true)
	must(t, p.Signal(syscall.SIGUSR1))
	n.await("renewed 10.9.0.2", 1)
	p.Await(t, "renew ip=10.9.0.2")
	must(t, p.Signal(syscall.SIGUSR2))
	n.await("released 10.9.0.2", 1)
	p.Stop(t)

	// Another run is the same client and gets the same address.
	out := n.Run(t, "udhcpc", "-f", "-n", "-q", "-R", "-i", "eth0", "-s", n.file("script", 0o755, udhcpcScript), "-t", "10", "-T", "1")
	if !contains(out, "bound ip=10.9.0.2") {
		t.Errorf("%s", out)
	}
}

// The renewals of a short lease come by themselves.
func TestRenewsByItself(t *testing.T) {
	n := newLAN(t, func(c *Config) { c.LeaseTime = 4 * time.Second })
	n.Start(t, n.dhclient("-4", "-1", "-d")...)
	n.await("bound 10.9.0.2", 1)
	n.await("renewed 10.9.0.2", 2)
	if n.count("expired 10.9.0.2") != 0 {
		t.Error("the client lost its lease")
	}
}

const dhclientScript = `#!/bin/sh
case $reason in
BOUND|RENEW|REBIND|REBOOT) ip -4 addr replace "$new_ip_address/24" dev "$interface" ;;
EXPIRE|FAIL|RELEASE|STOP) ip -4 addr flush dev "$interface" ;;
BOUND6|RENEW6|REBIND6) ip -6 addr replace "$new_ip6_address/128" dev "$interface" ;;
EXPIRE6|RELEASE6|STOP6) ip -6 addr flush dev "$interface" scope global ;;
esac
echo "$reason ip=$new_ip_address ip6=$new_ip6_address router=$new_routers mtu=$new_interface_mtu name=$new_host_name dns6=$new_dhcp6_name_servers search6=$new_dhcp6_domain_search" >&2
exit 0
`

// dhclient runs ISC's client in the foreground, with files of its own.
func (n *lan) dhclient(flags ...string) []string {
	conf := n.file("dhclient.conf", 0o644, "request subnet-mask, routers, interface-mtu, host-name, "+
		"dhcp6.name-servers, dhcp6.domain-search;\ninitial-interval 1;\nbackoff-cutoff 1;\n")
	args := []string{"dhclient", "-v", "-lf", n.dir + "/leases", "-pf", n.dir + "/pid", "-cf", conf,
		"-sf", n.file("dhclient-script", 0o755, dhclientScript)}
	return append(append(args, flags...), "eth0")
}

// ISC's client: an address, the same again after a restart (INIT-REBOOT), a release.
func TestDHClient(t *testing.T) {
	n := newLAN(t, nil)
	p := n.Start(t, n.dhclient("-4", "-1", "-d")...)
	p.Await(t, "BOUND ip=10.9.0.2 ip6= router=10.9.0.1 mtu=1400 name=box")
	n.has("10.9.0.2/24", true)
	p.Kill()
	p.Wait()
	before := n.srv.Stats()
	p = n.Start(t, n.dhclient("-4", "-1", "-d")...)
	p.Await(t, "REBOOT ip=10.9.0.2")
	if s := n.srv.Stats(); s.Discover != before.Discover || s.Renewed == 0 {
		t.Errorf("%+v", s)
	}
	n.Run(t, n.dhclient("-4", "-r")...)
	n.await("released 10.9.0.2", 1)
	n.has("10.9.0.2", false)
}

// ISC's client for DHCPv6: an address, a release, and settings without an address.
func TestDHClient6(t *testing.T) {
	n := newLAN(t, nil)
	n.has("fe80::", true)
	p := n.Start(t, n.dhclient("-6", "-1", "-d")...)
	p.Await(t, "BOUND6 ip= ip6=fd09::2 router= mtu= name= dns6=fe80::1 search6=net1.test. test.")
	n.has("fd09::2/128", true)
	n.Run(t, n.dhclient("-6", "-r")...)
	n.await("released fd09::2", 1)
	n.has("fd09::2/128", false)
	p = n.Start(t, n.dhclient("-6", "-S", "-1", "-d")...)
	p.Await(t, "dns6=fe80::1 search6=net1.test. test.")
	if s := n.srv.Stats(); s.Inform == 0 {
		t.Errorf("%+v", s)
	}
}

const dhcpcdScript = `#!/bin/sh
echo "$reason ip=$new_ip_address router=$new_routers mtu=$new_interface_mtu domain=$new_domain_name dns6=$new_dhcp6_name_servers ra=$nd1_rdnss1_servers$nd1_prefix_information1_prefix" >> %DIR%/hooks
`

// dhcpcd runs the third client, for both families at once, and releases both.
func TestDHCPCD(t *testing.T) {
	testnet.NeedRoot(t) // it insists on becoming another user
	n := newLAN(t, nil)
	n.has("fe80::", true)
	script := n.file("hook", 0o755, strings.ReplaceAll(dhcpcdScript, "%DIR%", n.dir))
	conf := n.file("dhcpcd.conf", 0o644, "duid\nrelease\nnoarp\nipv6ra_noautoconf\noption interface_mtu, domain_name, routers, rapid_commit\n"+
		"option dhcp6_name_servers\nia_na\nscript "+script+"\n")
	p := n.Start(t, "dhcpcd", "-B", "-d", "-f", conf, "eth0")
	n.await("bound 10.9.0.2", 1)
	n.await("bound fd09::2", 1)
	n.has("10.9.0.2/24", true)
	n.has("fd09::2/128", true)
	n.poke(p, syscall.SIGUSR1, "renewed 10.9.0.2", "renewed fd09::2")
	n.poke(p, syscall.SIGINT, "released 10.9.0.2", "released fd09::2")
	n.has("10.9.0.2", false)
	p.Kill()
}

// poke signals a client, now and then, until the events have come: dhcpcd does not
// always heed a signal that comes while it is busy with its hooks.
func (n *lan) poke(p *testnet.Program, sig syscall.Signal, events ...string) {
	n.t.Helper()
	came := func() bool {
		return !slices.ContainsFunc(events, func(e string) bool { return n.count(e) == 0 })
	}
	for until := time.Now().Add(testnet.Patience); !came(); {
		if time.Now().After(until) {
			n.t.Fatalf("never came: %q; %+v", events, n.srv.Stats())
		}
		_ = p.Signal(sig) // it may have ended
		for range 100 {
			if time.Sleep(10 * time.Millisecond); came() {
				return
			}
		}
	}
}

// The kernel makes itself an address and a default route from an advertisement; on an
// internal network there is no route.
func TestSLAAC(t *testing.T) {
	for _, router := range []bool{true, false} {
		n := newLAN(t, func(c *Config) { c.Autonomous, c.Router6 = true, router })
		n.has("fd09::ff:fe01:1/64", true)
		route := n.Run(t, "ip", "-6", "route", "show", "default")
		if contains(route, "via fe80::1") != router {
			t.Errorf("router %v: %q", router, route)
		}
		if mtu, err := n.Box.NetNS().Sysctl("net.ipv6.conf.eth0.mtu"); mtu != "1400" || err != nil {
			t.Errorf("MTU %q, %v", mtu, err)
		}
	}
}

// rdisc6 shows every field of an advertisement.
func TestRDisc6(t *testing.T) {
	n := newLAN(t, func(c *Config) { c.Autonomous = true })
	n.has("fe80::", true)
	out := n.Run(t, "rdisc6", "-1", "eth0")
	words := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"Hop limit : 64", "Stateful address conf. : Yes", "Stateful other conf. : Yes", "Router lifetime : 1800",
		"Prefix : fd09::/64", "On-link : Yes", "Autonomous address conf.: Yes", "Valid time : 2592000", "Pref. time : 604800",
		"MTU : 1400", "Recursive DNS server : fe80::1", "DNS server lifetime : 1800",
		"DNS search list : net1.test test", "Source link-layer address: 02:00:00:00:00:01", "from fe80::1",
	} {
		if !contains(words, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
