package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Each kind of broken file is set aside, under names that are free, and the others
// are read.
func TestDamagedDocuments(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Schema: 2})
	for _, key := range []string{"a", "m", "z"} {
		must(t, s.Save("network", key, record{N: 5}))
	}
	kind := filepath.Join(dir, "network")
	good, err := os.ReadFile(filepath.Join(kind, "a.json"))
	must(t, err)
	for name, data := range map[string]string{
		"cut.json":             string(good[:len(good)-3]),
		"empty.json":           "",
		"empty.json.damaged-1": "an earlier one",
		"flipped.json":         strings.Replace(string(good), "5", "6", 1),
		"newer.json":           string(encode(3, []byte("{}"))),
		"older.json":           string(encode(1, []byte("{}"))),
		"huge.json":            strings.Repeat("x", maxSize+1),
	} {
		must(t, os.WriteFile(filepath.Join(kind, name), []byte(data), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(kind, "dir.json"), 0o700))
	must(t, syscall.Mkfifo(filepath.Join(kind, "pipe.json"), 0o600))
	must(t, os.Symlink("/etc/passwd", filepath.Join(kind, "link.json")))
	must(t, os.WriteFile(filepath.Join(kind, "README.txt"), nil, 0o600))

	var keys, aside []string
	damage, err := s.Each("network", func(key string, _ []byte) error { keys = append(keys, key); return nil })
	must(t, err)
	for _, d := range damage {
		if !errors.Is(d.Err, ErrDamaged) || !strings.HasPrefix(d.Aside, d.Path+".damaged-") || !strings.Contains(d.String(), d.Aside) {
			t.Errorf("%+v", d)
		}
		aside = append(aside, strings.TrimPrefix(d.Aside, kind+"/"))
	}
	want := "cut.json.damaged-1 dir.json.damaged-1 empty.json.damaged-2 flipped.json.damaged-1 huge.json.damaged-1 " +
		"link.json.damaged-1 newer.json.damaged-1 older.json.damaged-1 pipe.json.damaged-1"
	if got := strings.Join(aside, " "); got != want {
		t.Errorf("set aside:\n  %s, want\n  %s", got, want)
	}
	if got := strings.Join(keys, " "); got != "a m z" {
		t.Errorf("read %s", got)
	}
	if damage, err := s.Each("network", func(string, []byte) error { return nil }); err != nil || damage != nil {
		t.Errorf("once more: %v, %v", damage, err)
	}
}

// Load reports damage and leaves the file; saving anew repairs it.
func TestLoadDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.Save("network", "web", record{N: 1}))
	must(t, os.Truncate(filepath.Join(dir, "network", "web.json"), 40))
	var r record
	if err := s.Load("network", "web", &r); !errors.Is(err, ErrDamaged) {
		t.Errorf("Load: %v", err)
	}
	wantTree(t, dir, ". lock network network/web.json version")
	must(t, s.Save("network", "web", record{N: 2}))
	wantRecord(t, s, "network", "web", 2)
	must(t, s.Save("network", "web", "a string"))
	if err := s.Load("network", "web", &r); !errors.Is(err, ErrDamaged) {
		t.Errorf("of another type: %v", err)
	}
}

// A symbolic link in the place of a kind's directory leads nowhere outside, and a
// document's is replaced, not followed.
func TestLinksAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	s := open(t, dir, Options{})
	must(t, os.Symlink(outside, filepath.Join(dir, "network")))
	if err := s.Save("network", "web", record{}); err == nil {
		t.Error("saved outside")
	}
	target := filepath.Join(outside, "target")
	must(t, os.WriteFile(target, []byte("precious"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "container"), 0o700))
	must(t, os.Symlink(target, filepath.Join(dir, "container", "a.json")))
	must(t, s.Save("container", "a", record{N: 3}))
	wantRecord(t, s, "container", "a", 3)
	if data, err := os.ReadFile(target); string(data) != "precious" || err != nil {
		t.Errorf("the link's target is now %q, %v", data, err)
	}
	wantTree(t, outside, ". target")
}

func TestLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.Save("network", "web", record{N: 1}))
	must(t, s.Close())
	for _, path := range []string{".tmp-1", "network/.tmp-1", "network/.tmp-99", "network/.tmp-x", "network/.hidden"} {
		must(t, os.WriteFile(filepath.Join(dir, path), nil, 0o600))
	}
	s = open(t, dir, Options{})
	wantTree(t, dir, ". lock network network/.hidden network/.tmp-x network/web.json version")
	must(t, s.Save("network", "web", record{N: 2}))
}

func TestDestroy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir, Options{})
	must(t, s.SaveAll(Doc{"network", "web", 1}, Doc{"container", "a", 1}))
	kind := filepath.Join(dir, "network")
	for _, name := range []string{"web.json.damaged-1", ".tmp-77", "empty.json"} {
		must(t, os.WriteFile(filepath.Join(kind, name), nil, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, "version.damaged-1"), nil, 0o600))
	removed, err := s.Destroy()
	must(t, err)
	want := "container/a.json container network/.tmp-77 network/empty.json network/web.json network/web.json.damaged-1 network " +
		"version version.damaged-1 lock"
	var got []string
	for _, path := range removed[:len(removed)-1] {
		got = append(got, strings.TrimPrefix(path, dir+"/"))
	}
	if strings.Join(got, " ") != want || removed[len(removed)-1] != dir {
		t.Errorf("removed %v", removed)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestDestroyLeavesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.SaveAll(Doc{"network", "web", 1}, Doc{"container", "a", 1}))
	for _, path := range []string{"vswitch.log", "network/notes.txt", "network/UPPER.json"} {
		must(t, os.WriteFile(filepath.Join(dir, path), nil, 0o600))
	}
	must(t, os.Symlink(t.TempDir(), filepath.Join(dir, "link")))
	if _, err := s.Destroy(); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, ". link network network/UPPER.json network/notes.txt vswitch.log")
}
