package sandbox

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

func TestFilesOpenTheSameSandbox(t *testing.T) {
	s := box(t, "web")
	must(t, s.SetHosts(testHosts))
	id := s.NetNS().ID()
	alive := watched(t, s.NetNS())
	net, mnt, uts, err := s.Files()
	must(t, err)
	must(t, s.Release())
	if _, err := s.Command(t.Context(), Cmd{Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Command after Release: %v", err)
	}
	if _, _, _, err := s.Files(); !errors.Is(err, ErrClosed) {
		t.Errorf("Files after Release: %v", err)
	}

	again, err := FromFiles("again", net, mnt, uts)
	must(t, err)
	defer again.Close()
	if again.Name() != "again" || again.NetNS().ID() != id {
		t.Errorf("opened %s %v, was %v", again.Name(), again.NetNS().ID(), id)
	}
	if got := output(t, again, "hostname"); got != "web\n" {
		t.Errorf("host name %q", got)
	}
	must(t, again.SetHosts(nil))
	if got := inside(t, again, "/etc/hosts"); got != hostsStart {
		t.Errorf("hosts, rewritten: %q", got)
	}
	_, pid := sleeper(t, t.Context(), again, inBackground)
	if !alive() {
		t.Error("the files did not hold the namespace")
	}
	must(t, again.Close())
	if !ended(pid) || !settle(func() bool { return !alive() }) {
		t.Error("the namespace outlived the sandbox")
	}
}

func TestFromFilesRefusesOthers(t *testing.T) {
	s := box(t, "kinds")
	before := state(t)
	for _, order := range [][3]int{{1, 0, 2}, {0, 2, 1}, {2, 1, 0}} {
		net, mnt, uts, err := s.Files()
		must(t, err)
		f := []*os.File{net, mnt, uts}
		again, err := FromFiles("wrong", f[order[0]], f[order[1]], f[order[2]])
		if err == nil {
			again.Close()
			t.Errorf("%v: accepted", order)
		}
	}
	if after := state(t); after != before {
		t.Errorf("before: %s\nafter:  %s", before, after)
	}
}

// What is the host's stays the host's, and nobody there is harmed.
func TestHostNet(t *testing.T) {
	needNamespaces(t)
	before := hostFiles(t)
	s, err := Create(Config{Name: "host", HostNet: true})
	must(t, err)
	defer s.Close()
	own, err := netnsx.Current()
	must(t, err)
	defer own.Close()
	if !s.NetNS().Equal(own) {
		t.Errorf("network namespace %v, ours is %v", s.NetNS().ID(), own.ID())
	}
	name, err := os.Hostname()
	must(t, err)
	if got := output(t, s, "hostname"); got != name+"\n" {
		t.Errorf("host name %q", got)
	}
	for _, f := range []string{"/etc/hosts", "/etc/resolv.conf"} {
		want, err := os.ReadFile(f)
		must(t, err)
		if got := inside(t, s, f); got != string(want) {
			t.Errorf("%s has %q, want %q", f, got, want)
		}
	}
	must(t, s.SetResolv(testDNS))
	if got := inside(t, s, "/etc/resolv.conf"); got != resolvWhole {
		t.Errorf("resolv.conf, rewritten: %q", got)
	}
	net, mnt, uts, err := s.Files()
	must(t, err)
	if net != nil {
		t.Error("a file for the host's network namespace")
	}
	again, err := FromFiles("again", nil, mnt, uts)
	must(t, err)
	if got := output(t, again, "readlink", "/proc/self/ns/net"); got != own.ID().String()+"\n" {
		t.Errorf("network namespace %s", got)
	}
	_, pid := sleeper(t, t.Context(), s, inBackground)
	must(t, again.Close())
	if !ended(pid) {
		t.Error("Close did not end what was inside")
	}
	if after := hostFiles(t); after != before {
		t.Errorf("the host had\n%s\nand has\n%s", before, after)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
}

func TestHostNetWithOwnFiles(t *testing.T) {
	needNamespaces(t)
	s, err := Create(Config{Name: "host", HostNet: true, Hostname: "other", Hosts: testHosts, Resolv: testDNS})
	must(t, err)
	defer s.Close()
	hosts, err := os.ReadFile("/etc/hosts")
	must(t, err)
	if n := len(hosts); n > 0 && hosts[n-1] != '\n' {
		hosts = append(hosts, '\n')
	}
	for f, want := range map[string]string{
		"/etc/hosts": string(hosts) + "10.1.0.2 web web.net1\n", "/etc/resolv.conf": resolvWhole, "/etc/hostname": "other\n",
	} {
		if got := inside(t, s, f); got != want {
			t.Errorf("%s has %q, want %q", f, got, want)
		}
	}
	if got := output(t, s, "hostname"); got != "other\n" {
		t.Errorf("host name %q", got)
	}
}

func TestCloseAll(t *testing.T) {
	var boxes []*Sandbox
	var pids []int
	for range 5 {
		s := box(t, "many")
		boxes = append(boxes, s)
		_, pid := sleeper(t, t.Context(), s, "setsid sleep 1000 >/dev/null & echo $!")
		_, other := sleeper(t, t.Context(), s, inBackground)
		pids = append(pids, pid, other)
	}
	must(t, boxes[0].Close())
	outside := box(t, "outside")
	_, spared := sleeper(t, t.Context(), outside, inBackground)
	must(t, CloseAll(boxes))
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); err == nil && !ended(pid) {
			t.Errorf("process %d still runs", pid)
		}
	}
	for _, s := range boxes {
		if _, err := s.Command(t.Context(), Cmd{Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
			t.Errorf("Command after CloseAll: %v", err)
		}
	}
	if err := unix.Kill(spared, 0); err != nil {
		t.Errorf("another sandbox's process: %v", err)
	}
	must(t, CloseAll(boxes))
	must(t, CloseAll(nil))
}

func TestTty(t *testing.T) {
	s := box(t, "tty")
	master, slave := terminal(t)
	p, err := s.Command(t.Context(), Cmd{
		Args: []string{"sh", "-c", "trap 'exit 9' INT; echo begun > /dev/tty; while :; do sleep 0.05; done"}, Tty: true,
		Stdin: slave, Stdout: slave, Stderr: slave,
	})
	must(t, err)
	if _, err := master.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = master.WriteString("\x03")
	must(t, err)
	if code, err := p.Wait(); code != 9 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	if _, err := s.Command(t.Context(), Cmd{Args: []string{"true"}, Tty: true}); err == nil {
		t.Error("/dev/null became a terminal")
	}
}
