package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Remove takes a state of any version, and only a state.
func TestRemove(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if found, err := Remove(dir); found || err != nil {
		t.Errorf("of nothing: %v, %v", found, err)
	}
	s, _, err := Open(dir, Options{Schema: 99})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save("network", "one", 1); err != nil {
		t.Fatal(err)
	}
	if found, err := Remove(dir); !found || !errors.Is(err, ErrLocked) {
		t.Errorf("of one in use: %v, %v", found, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("the older program: %v", err)
	}
	if found, err := Remove(dir); !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := Remove(foreign); found || err != nil {
		t.Errorf("of somebody's folder: %v, %v", found, err)
	}
}
