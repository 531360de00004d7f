package sandbox

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
)

var (
	testHosts = []Host{{netip.MustParseAddr("10.1.0.2"), []string{"web", "web.net1"}}}
	testDNS   = Resolv{
		Servers: []netip.Addr{netip.MustParseAddr("10.1.0.1")},
		Search:  []string{"net1"}, Options: []string{"ndots:0"},
	}
)

const (
	hostsStart  = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
	resolvWhole = "nameserver 10.1.0.1\nsearch net1\noptions ndots:0\n"
)

// What programs inside see is the sandbox's; what the host sees stays as it was.
func TestPrograms(t *testing.T) {
	needNamespaces(t)
	before := hostFiles(t)
	s, err := Create(Config{Name: "web", Hostname: "web-1", Hosts: testHosts, Resolv: testDNS})
	must(t, err)
	defer s.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"hostname"}, "web-1\n"},
		{[]string{"uname", "-n"}, "web-1\n"},
		{[]string{"cat", "/etc/hostname"}, "web-1\n"},
		{[]string{"cat", "/etc/hosts"}, hostsStart + "10.1.0.2 web web.net1\n"},
		{[]string{"cat", "/etc/resolv.conf"}, resolvWhole},
		{[]string{"getent", "hosts", "web.net1"}, "10.1.0.2"},
		{[]string{"ls", "/sys/class/net"}, "lo\n"},
		{[]string{"ip", "-o", "addr", "show", "dev", "lo"}, "127.0.0.1/8"},
		{[]string{"readlink", "/proc/self/ns/net"}, s.NetNS().ID().String() + "\n"},
		{[]string{"pwd"}, "/\n"},
	} {
		got := output(t, s, c.args...)
		if got != c.want && (strings.HasSuffix(c.want, "\n") || !strings.Contains(got, c.want)) {
			t.Errorf("%q says %q, want %q", c.args, got, c.want)
		}
	}
	if s.Sysfs() != nil {
		t.Errorf("/sys: %v", s.Sysfs())
	}
	if after := hostFiles(t); after != before {
		t.Errorf("the host had\n%s\nand has\n%s", before, after)
	}
}

// hostFiles is what the host itself sees of the things that a sandbox has of its
// own.
func hostFiles(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	must(t, err)
	var b strings.Builder
	b.WriteString(name + "\n")
	for _, f := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/proc/self/mountinfo"} {
		text, err := os.ReadFile(f)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

func TestDefaults(t *testing.T) {
	s := box(t, "plain")
	if got := inside(t, s, "/etc/hostname"); got != "plain\n" {
		t.Errorf("host name %q", got)
	}
	if got := inside(t, s, "/etc/hosts"); got != hostsStart {
		t.Errorf("hosts %q", got)
	}
	if got := inside(t, s, "/etc/resolv.conf"); got != "" {
		t.Errorf("resolv.conf %q", got)
	}
	if s.Name() != "plain" {
		t.Errorf("name %q", s.Name())
	}
}

func TestRewriteWhileRunning(t *testing.T) {
	s, other := box(t, "one"), box(t, "other")
	must(t, s.SetHosts(testHosts))
	must(t, s.SetResolv(testDNS))
	if got := output(t, s, "cat", "/etc/hosts"); got != hostsStart+"10.1.0.2 web web.net1\n" {
		t.Errorf("hosts %q", got)
	}
	if got := output(t, s, "cat", "/etc/resolv.conf"); got != resolvWhole {
		t.Errorf("resolv.conf %q", got)
	}
	must(t, s.SetHosts(nil))
	if got := inside(t, s, "/etc/hosts"); got != hostsStart {
		t.Errorf("hosts, shortened: %q", got)
	}
	if got := inside(t, other, "/etc/resolv.conf"); got != "" {
		t.Errorf("the other sandbox has %q", got)
	}
	if err := s.SetHosts([]Host{{Names: []string{"x"}}}); err == nil {
		t.Error("entry without an address accepted")
	}
}

// Readers see the old file or the new one, never a part.
func TestRewriteIsAtomic(t *testing.T) {
	s := box(t, "atomic")
	long := Resolv{Search: []string{strings.Repeat("a", 200), strings.Repeat("b", 200)}}
	text, err := long.text()
	must(t, err)
	must(t, s.SetResolv(testDNS))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := errors.Join(s.SetResolv(long), s.SetResolv(testDNS)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	must(t, s.Do(func() error {
		for range 2000 {
			got, err := os.ReadFile("/etc/resolv.conf")
			if err != nil {
				return err
			}
			if string(got) != text && string(got) != resolvWhole {
				t.Errorf("read %q", got)
				break
			}
		}
		return nil
	}))
	close(stop)
	wg.Wait()
	var left []os.DirEntry
	must(t, s.Do(func() (err error) {
		left, err = os.ReadDir("/etc")
		return err
	}))
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".resolv.conf") {
			t.Errorf("left %s", e.Name())
		}
	}
}

// What a program inside writes below /etc stays inside.
func TestWritesToEtcStayInside(t *testing.T) {
	s := box(t, "writer")
	output(t, s, "sh", "-c", "echo 1.2.3.4 inside >> /etc/hosts; echo x > /etc/vswitch-test-file")
	if got := inside(t, s, "/etc/hosts"); got != hostsStart+"1.2.3.4 inside\n" {
		t.Errorf("hosts %q", got)
	}
	if _, err := os.Stat("/etc/vswitch-test-file"); !errors.Is(err, os.ErrNotExist) {
		os.Remove("/etc/vswitch-test-file")
		t.Errorf("the host has the file: %v", err)
	}
}

func TestCreateRefusesNonsense(t *testing.T) {
	for name, c := range map[string]Config{
		"no name":     {},
		"bad name":    {Name: "a b"},
		"long name":   {Name: strings.Repeat("x", 65)},
		"bad host":    {Name: "a", Hosts: []Host{{testHosts[0].Addr, []string{"x\ny"}}}},
		"no names":    {Name: "a", Hosts: []Host{{Addr: testHosts[0].Addr}}},
		"bad search":  {Name: "a", Resolv: Resolv{Search: []string{"a b"}}},
		"bad option":  {Name: "a", Resolv: Resolv{Options: []string{"x\nnameserver 6.6.6.6"}}},
		"zero server": {Name: "a", Resolv: Resolv{Servers: make([]netip.Addr, 1)}},
	} {
		if s, err := Create(c); err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNothingIsLeft(t *testing.T) {
	box(t, "first").Close() // opens what the runtime keeps
	before := state(t)
	for range 10 {
		s := box(t, "again")
		output(t, s, "true")
		_, err := s.Command(t.Context(), Cmd{Args: []string{"sleep", "1000"}})
		must(t, err)
		must(t, s.Close())
	}
	if !settle(func() bool { return state(t) == before }) {
		t.Errorf("before: %s\nafter:  %s", before, state(t))
	}
}

func TestNamespacesEndWithClose(t *testing.T) {
	s := box(t, "ending")
	alive := watched(t, s.NetNS())
	if !alive() {
		t.Fatal("no device to watch")
	}
	must(t, s.Close())
	if !settle(func() bool { return !alive() }) {
		t.Error("the network namespace is still there")
	}
}

func TestManyAtOnce(t *testing.T) {
	needNamespaces(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			s, err := Create(Config{Name: "many"})
			if err != nil {
				t.Error(err)
				return
			}
			if p, err := s.Command(t.Context(), Cmd{Args: []string{"true"}}); err != nil {
				t.Error(err)
			} else if code, err := p.Wait(); code != 0 || err != nil {
				t.Errorf("code %d, %v", code, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
