package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

func TestPinnedSandboxIsOpenedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web")
	s := box(t, "web")
	must(t, s.SetHosts(testHosts))
	must(t, s.Pin(dir))
	id := s.NetNS().ID()
	alive := watched(t, s.NetNS())
	must(t, s.Release())
	if _, err := s.Command(t.Context(), Cmd{Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Command after Release: %v", err)
	}

	again, err := OpenPinned(dir)
	must(t, err)
	defer again.Close()
	if again.Name() != "web" || again.NetNS().ID() != id {
		t.Errorf("opened %s %v, pinned web %v", again.Name(), again.NetNS().ID(), id)
	}
	if got := output(t, again, "hostname"); got != "web\n" {
		t.Errorf("host name %q", got)
	}
	if got := inside(t, again, "/etc/hosts"); got != hostsStart+"10.1.0.2 web web.net1\n" {
		t.Errorf("hosts %q", got)
	}
	must(t, again.SetHosts(nil))
	if got := inside(t, again, "/etc/hosts"); got != hostsStart {
		t.Errorf("hosts, rewritten: %q", got)
	}
	must(t, again.Close())
	if !alive() {
		t.Error("the pin did not hold the namespace")
	}
	must(t, Unpin(dir))
	if !settle(func() bool { return !alive() }) {
		t.Error("the namespace outlived its pin")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory left: %v", err)
	}
}

// A sandbox begins with a copy of all mounts. It must not keep those pins.
func TestLaterSandboxesDoNotHoldPins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "early")
	early := box(t, "early")
	must(t, early.Pin(dir))
	alive := watched(t, early.NetNS())
	later := box(t, "later")
	must(t, early.Close())
	must(t, Unpin(dir))
	if !settle(func() bool { return !alive() }) {
		t.Error("a later sandbox holds the namespace")
	}
	output(t, later, "true")
}

func TestPinFailsWithoutATrace(t *testing.T) {
	s := box(t, "fails")
	parent := t.TempDir()
	dir := filepath.Join(parent, "d")
	must(t, s.Pin(dir))
	if err := s.Pin(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("pinned twice: %v", err)
	}
	if again, err := OpenPinned(dir); err != nil {
		t.Errorf("the first pin is damaged: %v", err)
	} else {
		must(t, again.Release())
	}
	must(t, Unpin(dir))
	must(t, Unpin(dir))
	must(t, s.Close())
	if err := s.Pin(dir); err == nil {
		t.Error("pinned what was closed")
	}
	if left, err := os.ReadDir(parent); len(left) != 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestUnpinLeavesStrangersFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	s := box(t, "strangers")
	must(t, s.Pin(dir))
	note := filepath.Join(dir, "note")
	must(t, os.WriteFile(note, nil, 0o600))
	must(t, Unpin(dir))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "note" {
		t.Errorf("left %v, %v", left, err)
	}
}

// After a restart of the machine the files are there and the mounts are not.
func TestOpenPinnedRefusesPlainFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenPinned(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty directory: %v", err)
	}
	for _, k := range pinned {
		must(t, os.WriteFile(filepath.Join(dir, string(k)), nil, 0o600))
	}
	if s, err := OpenPinned(dir); err == nil {
		s.Close()
		t.Error("opened plain files")
	}
	// One that is of the wrong kind.
	s := box(t, "kinds")
	must(t, s.control(Net, func(fd int) error { return bind(fd, filepath.Join(dir, "net")) }))
	must(t, s.control(Net, func(fd int) error { return bind(fd, filepath.Join(dir, "mnt")) }))
	if s, err := OpenPinned(dir); err == nil {
		s.Close()
		t.Error("took a network namespace for a mount namespace")
	}
	must(t, Unpin(dir))
}

func bind(fd int, path string) error {
	return unix.Mount("/proc/self/fd/"+itoa(fd), path, "", unix.MS_BIND, "")
}

// Threads run on any CPU, and so do the makers of mount namespaces: whichever it
// was, the result can be pinned.
func TestPinFromEveryCPU(t *testing.T) {
	needNamespaces(t)
	parent := t.TempDir()
	for i := range 40 {
		s := box(t, "cpu")
		dir := filepath.Join(parent, itoa(i))
		must(t, s.Pin(dir))
		must(t, Unpin(dir))
		must(t, s.Close())
	}
}

// Choosing the CPU must not stay: programs inherit it.
func TestUnshareMountsGivesAllCPUsBack(t *testing.T) {
	needNamespaces(t)
	must(t, netnsx.OnThread(func() error {
		var before, after unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return err
		}
		if err := unshareMounts(); err != nil {
			return err
		}
		// As if every CPU had given too small a number.
		if err := unshareOnEach(before, ^uint64(0)); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(0, &before); err != nil {
			return err
		}
		if err := unshareMounts(); err != nil {
			return err
		}
		if err := unix.SchedGetaffinity(0, &after); err != nil || before != after {
			t.Errorf("CPUs %v before, %v after, %v", before, after, err)
		}
		return nil
	}))
}
