package sandbox

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// onHost runs fn as if on another host: a private mount namespace whose /etc is an
// empty directory in memory.
func onHost(t *testing.T, fn func() error) {
	t.Helper()
	needNamespaces(t)
	must(t, netnsx.OnThread(func() error {
		if err := newMountNS(); err != nil {
			return err
		}
		if err := unix.Mount("host", "/etc", "tmpfs", 0, ""); err != nil {
			return err
		}
		return fn()
	}))
}

func newMountNS() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); string(got) != want || err != nil {
		t.Errorf("%s has %q, %v; want %q", path, got, err, want)
	}
}

// Both ways of putting the files in place, on hosts with all kinds of /etc.
func TestInstallEtc(t *testing.T) {
	type way func(etcFiles) error
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	for _, c := range []struct {
		name string
		host map[string]func(string) error
		way  way
		want error
	}{
		{"overlay, files", map[string]func(string) error{"hosts": write("host's"), "resolv.conf": write("host's")}, overlayEtc, nil},
		{"overlay, nothing", nil, overlayEtc, nil},
		{"overlay, links", map[string]func(string) error{"hosts": link("real"), "real": write("host's"), "resolv.conf": link("/run/nowhere")}, overlayEtc, nil},
		{"bind, files", map[string]func(string) error{"hosts": write("host's"), "resolv.conf": write("host's")}, bindEtc, nil},
		{"bind, links", map[string]func(string) error{"hosts": link("real"), "real": write("host's"), "resolv.conf": link("real2"), "real2": write("")}, bindEtc, nil},
		{"bind, missing", map[string]func(string) error{"hosts": write("host's")}, bindEtc, ErrNoTarget},
		{"bind, dangling", map[string]func(string) error{"hosts": write("host's"), "resolv.conf": link("/run/nowhere")}, bindEtc, ErrNoTarget},
	} {
		t.Run(c.name, func(t *testing.T) {
			onHost(t, func() error {
				for name, make := range c.host {
					if err := make("/etc/" + name); err != nil {
						return err
					}
				}
				err := c.way(etcFiles{"hosts": "ours\n", "resolv.conf": "ours too\n"})
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if err != nil {
					return nil
				}
				checkFile(t, "/etc/hosts", "ours\n")
				checkFile(t, "/etc/resolv.conf", "ours too\n")
				if st, err := os.Stat("/etc/hosts"); err != nil || st.Mode().Perm() != 0o644 {
					t.Errorf("mode %v, %v", st.Mode(), err)
				}
				for _, text := range []string{"a much longer text than before\n", "x\n"} {
					if err := rewriteEtc("hosts", text); err != nil {
						t.Error(err)
					}
					checkFile(t, "/etc/hosts", text)
				}
				return nil
			})
		})
	}
}

// The host's tools replace /etc/resolv.conf by renaming, which detaches what other
// namespaces have mounted over it. The overlay must not care.
func TestHostReplacesItsFiles(t *testing.T) {
	onHost(t, func() error {
		if err := os.WriteFile("/etc/resolv.conf", []byte("host 1\n"), 0o644); err != nil {
			return err
		}
		host, err := openCurrent(Mount)
		if err != nil {
			return err
		}
		defer host.Close()
		if err := newMountNS(); err != nil {
			return err
		}
		if err := overlayEtc(etcFiles{"resolv.conf": "ours\n"}); err != nil {
			return err
		}
		if err := replaceOn(host, "host 2\n"); err != nil {
			return err
		}
		checkFile(t, "/etc/resolv.conf", "ours\n")
		return nil
	})
}

// replaceOn renames a new /etc/resolv.conf into place in another mount namespace.
func replaceOn(ns *os.File, text string) error {
	return netnsx.OnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return err
		}
		return replaceFile("/etc", "resolv.conf", text)
	})
}

// A rewrite that finds nothing of the sandbox's own must leave the host's alone.
func TestRewriteNeverTouchesTheHost(t *testing.T) {
	onHost(t, func() error {
		if err := os.WriteFile("/etc/hosts", []byte("host's\n"), 0o644); err != nil {
			return err
		}
		if err := rewriteEtc("hosts", "ours\n"); !errors.Is(err, ErrFilesGone) {
			t.Errorf("without a mount: %v", err)
		}
		if err := bindEtc(etcFiles{"hosts": "ours\n"}); err != nil {
			return err
		}
		if err := unix.Unmount("/etc/hosts", 0); err != nil {
			return err
		}
		if err := rewriteEtc("hosts", "ours again\n"); !errors.Is(err, ErrFilesGone) {
			t.Errorf("after the mount was taken away: %v", err)
		}
		checkFile(t, "/etc/hosts", "host's\n")
		return nil
	})
}

func TestResolvText(t *testing.T) {
	got, err := testDNS.text()
	if got != resolvWhole || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	zone := Resolv{Servers: []netip.Addr{netip.MustParseAddr("fe80::1").WithZone("e\nnameserver 6.6.6.6")}}
	if got, err := zone.text(); err == nil {
		t.Errorf("a zone made a line of its own: %q", got)
	}
}

// No name can end its line: what is read back is what was written.
func FuzzHostsText(f *testing.F) {
	f.Add("web", "web.net1")
	f.Add("a b", "#c")
	f.Add("x\n6.6.6.6 bank", "")
	f.Add("é", strings.Repeat("y", 300))
	f.Fuzz(func(t *testing.T, a, b string) {
		text, err := hostsText([]Host{{testHosts[0].Addr, []string{a, b}}})
		if err != nil {
			return
		}
		if want := hostsStart + "10.1.0.2 " + a + " " + b + "\n"; text != want {
			t.Fatalf("%q, want %q", text, want)
		}
		if n := strings.Count(text, "\n"); n != 3 || len(strings.Fields(text)) != 2+4+3 {
			t.Fatalf("%d lines, %d words in %q", n, len(strings.Fields(text)), text)
		}
	})
}

// A server, domain or option is one word of one line of its own kind.
func FuzzResolvText(f *testing.F) {
	f.Add("fe80::1%eth0", "net1", "ndots:1")
	f.Add("10.0.0.1", "a;b", "rotate # no")
	f.Fuzz(func(t *testing.T, server, search, option string) {
		addr, err := netip.ParseAddr(server)
		if err != nil {
			return
		}
		r := Resolv{Servers: []netip.Addr{addr}, Search: []string{search}, Options: []string{option}}
		text, err := r.text()
		if err != nil {
			return
		}
		if len(strings.Fields(text)) != 6 || strings.Count(text, "\n") != 3 || strings.ContainsAny(text, "#;\r\t\x00") {
			t.Fatalf("%q", text)
		}
	})
}
