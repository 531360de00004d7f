package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// addTen makes schema n+1 of schema n by counting up by ten, and notes its calls.
func addTen(calls *[]string) func(int, string, string, []byte) ([]byte, error) {
	return func(from int, kind, key string, body []byte) ([]byte, error) {
		*calls = append(*calls, fmt.Sprintf("%d:%s/%s", from, kind, key))
		if key == "bad" {
			return nil, errors.New("cannot be migrated")
		}
		var n int
		if _, err := fmt.Sscanf(string(body), `{"N":%d}`, &n); err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, `{"N":%d}`, n+10), nil
	}
}

func TestMigration(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.SaveAll(Doc{"network", "web", record{N: 1}}, Doc{"network", "bad", record{N: 1}}, Doc{"container", "a", record{N: 2}}))
	must(t, s.Close())
	if _, _, err := Open(dir, Options{Schema: 2}); err == nil || errors.Is(err, ErrNewer) {
		t.Errorf("without a migration: %v", err)
	}
	var calls []string
	s, damage, err := Open(dir, Options{Schema: 2, Migrate: addTen(&calls)})
	must(t, err)
	if len(damage) != 1 || !strings.HasSuffix(damage[0].Aside, "network/bad.json.damaged-1") || !strings.Contains(damage[0].Err.Error(), "cannot be migrated") {
		t.Errorf("damage: %v", damage)
	}
	if got := strings.Join(calls, " "); got != "1:container/a 1:network/bad 1:network/web" {
		t.Errorf("migrated: %s", got)
	}
	wantRecord(t, s, "network", "web", 11)
	wantRecord(t, s, "container", "a", 12)
	must(t, s.Close())
	calls = nil
	open(t, dir, Options{Schema: 2, Migrate: addTen(&calls)})
	if calls != nil {
		t.Errorf("migrated again: %v", calls)
	}
}

// A migration that stopped half-way goes on with what is left.
func TestInterruptedMigration(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Schema: 2})
	must(t, s.Save("network", "done", record{N: 11}))
	must(t, s.writeVersion(true))
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "network", "left.json"), encode(1, []byte(`{"N":1}`)), 0o600))
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("the older program: %v", err)
	}
	var calls []string
	s = open(t, dir, Options{Schema: 2, Migrate: addTen(&calls)})
	wantRecord(t, s, "network", "done", 11)
	wantRecord(t, s, "network", "left", 11)
	if len(calls) != 1 {
		t.Errorf("migrated: %v", calls)
	}
}

func TestMigrationMakesNoJSON(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.Save("network", "web", record{N: 1}))
	must(t, s.Close())
	s, damage, err := Open(dir, Options{Schema: 2, Migrate: func(int, string, string, []byte) ([]byte, error) { return nil, nil }})
	must(t, err)
	defer s.Close()
	if len(damage) != 1 || !errors.Is(damage[0].Err, ErrDamaged) {
		t.Errorf("damage: %v", damage)
	}
}

// A directory of a newer program is left as it is.
func TestNewer(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Schema: 5})
	must(t, s.Save("network", "web", record{N: 1}))
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "network", ".tmp-1"), nil, 0o600))
	if _, _, err := Open(dir, Options{Schema: 4}); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema 5, ours is 4") {
		t.Errorf("got %v", err)
	}
	wantTree(t, dir, ". lock network network/.tmp-1 network/web.json version")
	s = open(t, dir, Options{Schema: 5})
	wantRecord(t, s, "network", "web", 1)
}

// Without a readable version the documents tell what they are.
func TestDamagedVersion(t *testing.T) {
	for _, content := range []string{"", "2", string(encode(1, []byte(`"x"`)))} {
		dir := t.TempDir()
		s := open(t, dir, Options{Schema: 2})
		must(t, s.Save("network", "new", record{N: 12}))
		must(t, s.Close())
		must(t, os.WriteFile(filepath.Join(dir, "network", "old.json"), encode(1, []byte(`{"N":1}`)), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "version"), []byte(content), 0o600))
		var calls []string
		s, damage, err := Open(dir, Options{Schema: 2, Migrate: addTen(&calls)})
		must(t, err)
		if len(damage) != 1 || damage[0].Aside != filepath.Join(dir, "version.damaged-1") {
			t.Errorf("%q: damage %v", content, damage)
		}
		wantRecord(t, s, "network", "new", 12)
		wantRecord(t, s, "network", "old", 11)
		must(t, s.Close())
		open(t, dir, Options{Schema: 2})
	}
}

// Somebody's home directory is no state directory.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "projects"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "projects", "package.json"), []byte("{}"), 0o600))
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "projects", "package.json")); string(data) != "{}" || err != nil {
		t.Errorf("the file is now %q, %v", data, err)
	}
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, _, err := Open(path, Options{}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}
