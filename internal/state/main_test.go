package state

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A child is this test binary, started again to do one thing: what the environment
// variable names.
const childEnv = "VSWITCH_STATE_TEST_CHILD"

// children are the things that a child can do, with the directory that it gets.
var children = map[string]func(dir string) error{
	"save":      childSave,
	"full disk": childFullDisk,
	"read-only": childReadOnly,
	"hold":      childHold,
}

func TestMain(m *testing.M) {
	what, dir, child := strings.Cut(os.Getenv(childEnv), ":")
	if !child {
		os.Exit(m.Run())
	}
	if err := children[what](dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child prepares a process that does what, with dir.
func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+what+":"+dir)
	return cmd
}

// record is what the tests save.
type record struct {
	N    int
	Text string `json:",omitempty"`
}

// open opens dir with no damage, for the duration of the test.
func open(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, damage, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(damage) != 0 {
		t.Errorf("damage: %v", damage)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// must fails the test for an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantRecord checks the number in a document.
func wantRecord(t testing.TB, s *Store, kind, key string, want int) {
	t.Helper()
	var r record
	if err := s.Load(kind, key, &r); err != nil || r.N != want {
		t.Errorf("%s %s: %+v, %v; want %d", kind, key, r, err, want)
	}
}

// tree returns the paths below dir, in order.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		paths = append(paths, rel)
		return err
	})
	must(t, err)
	slices.Sort(paths)
	return paths
}

// wantTree checks which paths are below dir, given as words.
func wantTree(t testing.TB, dir, want string) {
	t.Helper()
	if got := strings.Join(tree(t, dir), " "); got != want {
		t.Errorf("below %s are\n  %s, want\n  %s", dir, got, want)
	}
}
