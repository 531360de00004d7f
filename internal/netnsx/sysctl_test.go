package netnsx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSysctlBelongsToTheNamespace(t *testing.T) {
	n := newNS(t)
	before, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	must(t)(err)
	want := "1"
	if string(before) == "1\n" {
		want = "0"
	}
	must(t)(n.SetSysctl("net.ipv4.ip_forward", want))
	if got, err := n.Sysctl("net.ipv4.ip_forward"); got != want || err != nil {
		t.Errorf("inside %q, %v; want %q", got, err, want)
	}
	after, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	must(t)(err)
	if string(after) != string(before) {
		t.Errorf("the host's setting went from %q to %q", before, after)
	}
}

func TestSysctlOfALinkWithADot(t *testing.T) {
	n := newNS(t)
	h := handle(t, n)
	must(t)(h.MakeBridge("br0.5"))
	must(t)(n.SetSysctl("net/ipv4/conf/br0.5/forwarding", "1"))
	if got, err := n.Sysctl("net/ipv4/conf/br0.5/forwarding"); got != "1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSysctlErrors(t *testing.T) {
	n := newNS(t)
	for name, want := range map[string]error{
		"net.ipv4.no_such_thing":        os.ErrNotExist,
		"kernel.hostname":               ErrSysctlName,
		"net/../kernel/hostname":        ErrSysctlName,
		"net..ipv4":                     ErrSysctlName,
		"net":                           ErrSysctlName,
		"":                              ErrSysctlName,
		"/net/ipv4/ip_forward":          ErrSysctlName,
		"net.ipv4.conf.a\x00.b":         ErrSysctlName,
		"net/ipv4/./ip_forward":         ErrSysctlName,
		"net/ipv4/conf/../../../kernel": ErrSysctlName,
	} {
		if _, err := n.Sysctl(name); !errors.Is(err, want) {
			t.Errorf("read %q: %v, want %v", name, err, want)
		}
		if err := n.SetSysctl(name, "1"); !errors.Is(err, want) {
			t.Errorf("set %q: %v, want %v", name, err, want)
		}
	}
}

// Whatever the name, the file is below /proc/sys/net.
func FuzzSysctlPath(f *testing.F) {
	for _, s := range []string{
		"net.ipv4.ip_forward", "net/ipv4/conf/eth0.5/forwarding", "net..", "net/../kernel",
		"net.a/..", "net/a.../b", "kernel.x", "net.\x00", "net",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, err := sysctlPath(name)
		if err != nil {
			if path != "" || !errors.Is(err, ErrSysctlName) {
				t.Fatalf("%q gave %q, %v", name, path, err)
			}
			return
		}
		if filepath.Clean(path) != path || !strings.HasPrefix(path, "/proc/sys/net/") {
			t.Fatalf("%q leads to %q", name, path)
		}
	})
}
