package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inMounts runs a child in a mount namespace of its own, with a tiny file system of
// memory at the directory that it gets.
func inMounts(t *testing.T, what string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NEEDS-ROOT: mounts a file system that is full or read-only")
	}
	cmd := child(t, what, t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestFullDisk(t *testing.T)     { inMounts(t, "full disk") }
func TestReadOnlyDisk(t *testing.T) { inMounts(t, "read-only") }

// childFullDisk fills the disk, sees that no Save succeeds and none does harm, makes
// room, and saves.
func childFullDisk(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		return err
	}
	s, _, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	if err := s.SaveAll(Doc{"network", "a", record{N: 1}}, Doc{"network", "b", record{N: 1}}); err != nil {
		return err
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is not full: %w", err)
	}
	for name, err := range map[string]error{
		"old": s.Save("network", "a", record{N: 2}),
		"new": s.Save("network", "c", record{N: 2}),
		"all": s.SaveAll(Doc{"network", "a", record{N: 2}}, Doc{"network", "b", record{N: 2}}, Doc{"network", "d", record{N: 2}}),
	} {
		if e, ok := errors.AsType[*WriteError](err); !ok || !errors.Is(err, syscall.ENOSPC) || strings.Contains(e.Error(), tempPrefix) {
			return fmt.Errorf("%s: got %w, want a WriteError with ENOSPC", name, err)
		}
	}
	if err := holds(s, map[string]int{"a": 1, "b": 1}); err != nil {
		return err
	}
	if err := os.Remove(filler); err != nil {
		return err
	}
	if err := s.Save("network", "a", record{N: 3}); err != nil {
		return err
	}
	return holds(s, map[string]int{"a": 3, "b": 1})
}

// holds checks that the networks are exactly these, and nothing else lies there.
func holds(s *Store, want map[string]int) error {
	names, err := os.ReadDir(filepath.Join(s.dir, "network"))
	if err != nil || len(names) != len(want) {
		return fmt.Errorf("there are %v, %w; want %d files", names, err, len(want))
	}
	for key, n := range want {
		var r record
		if err := s.Load("network", key, &r); err != nil || r.N != n {
			return fmt.Errorf("%s is %d, %w; want %d", key, r.N, err, n)
		}
	}
	return nil
}

// childReadOnly makes the disk read-only and opens a store there, an old and a new
// one.
func childReadOnly(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		return err
	}
	s, _, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	if err := s.Save("network", "a", record{N: 1}); err != nil {
		return err
	}
	if err := s.Close(); err != nil { // a lock file open for writing keeps the mount writable
		return err
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Join(dir, "new")} {
		_, _, err := Open(d, Options{})
		if _, ok := errors.AsType[*WriteError](err); !ok || !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("%s: got %w, want a WriteError with EROFS", d, err)
		}
	}
	return nil
}

// A kind's directory that cannot be written, for whatever reason, leaves the
// documents readable. Root may write everywhere, so a file stands in its place here.
func TestKindCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, os.WriteFile(filepath.Join(dir, "network"), nil, 0o600))
	must(t, s.Save("container", "a", record{N: 1}))
	if err := s.SaveAll(Doc{"container", "a", record{N: 2}}, Doc{"network", "web", record{N: 2}}); err == nil {
		t.Error("saved below a file")
	}
	wantRecord(t, s, "container", "a", 1)
	wantTree(t, dir, ". container container/a.json lock network version")
}

// Where the rename fails, the document that was in the way stays, and no temporary
// file does.
func TestRenameFails(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, os.MkdirAll(filepath.Join(dir, "network", "web.json"), 0o700))
	err := s.SaveAll(Doc{"network", "a", record{}}, Doc{"network", "web", record{}}, Doc{"network", "z", record{}})
	if e, ok := errors.AsType[*WriteError](err); !ok || e.Op != "rename" || e.Path != filepath.Join(dir, "network", "web.json") {
		t.Errorf("got %v", err)
	}
	wantTree(t, dir, ". lock network network/a.json network/web.json version")
}
