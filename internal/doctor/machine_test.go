package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary stand in for the program that Host runs in new
// namespaces: by these names it ends at once.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case "succeed":
		os.Exit(0)
	case "fail":
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// healthy is a machine on which nothing is wrong, with the given files below
// /proc/sys and a /dev/net/tun.
func healthy(t *testing.T, sysctls map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{"dev/net/tun": ""}
	for name, value := range sysctls {
		files["proc/sys/"+name] = value + "\n"
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{
		Root:       root,
		UID:        1000,
		Groups:     []int{1000},
		Kernel:     "6.18.0-test",
		Open:       func(string) error { return nil },
		LookPath:   func(name string) (string, error) { return "/usr/bin/" + name, nil },
		Limit:      func(int) (uint64, error) { return 1 << 30, nil },
		Namespaces: func() error { return nil },
	}
}

func TestHostIsThisMachine(t *testing.T) {
	m := Host("succeed")
	if _, _, ok := version(m.Kernel); !ok {
		t.Errorf("kernel %q", m.Kernel)
	}
	if n, err := m.Limit(syscall.RLIMIT_NOFILE); err != nil || n == 0 {
		t.Errorf("open files: %d, %v", n, err)
	}
	if _, err := m.Limit(-1); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a limit that does not exist: %v", err)
	}
	if err := m.Open("/dev/null"); err != nil {
		t.Errorf("open /dev/null: %v", err)
	}
	if err := m.Open("/nonexistent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open a file that does not exist: %v", err)
	}
	if v, ok := m.sysctl("kernel/pid_max"); !ok || v <= 0 {
		t.Errorf("kernel.pid_max: %d, %v", v, ok)
	}
}

func TestHostMakesNamespaces(t *testing.T) {
	err := Host("succeed").Namespaces()
	if os.Getuid() != 0 && err != nil {
		t.Skipf("NEEDS-ROOT: namespaces of ordinary users are refused here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*exec.ExitError](Host("fail").Namespaces()); !ok {
		t.Error("a program that fails passes for success")
	}
}

func TestOwner(t *testing.T) {
	m := healthy(t, nil)
	want := fmt.Sprintf("mode 0600 %s:%s", userName(uint32(os.Getuid())), groupName(uint32(os.Getgid())))
	if got := m.Owner(tunPath); got != want {
		t.Errorf("owner %q, want %q", got, want)
	}
	if got := m.Owner("/nonexistent"); got != "mode unknown" {
		t.Errorf("owner of nothing: %q", got)
	}
	if got := userName(4123456789) + groupName(4123456789); !strings.HasPrefix(got, "4123456789") {
		t.Errorf("a number without a name: %q", got)
	}
}

func TestVersion(t *testing.T) {
	tests := []struct {
		release      string
		major, minor int
		ok           bool
	}{
		{"6.18.44-lab-v657", 6, 18, true},
		{"5.4", 5, 4, true},
		{"6.1-rc3", 6, 1, true},
		{"4.18.0-553.el8_10.x86_64", 4, 18, true},
		{"", 0, 0, false},
		{"six.one", 0, 0, false},
		{"6", 0, 0, false},
		{"6.", 0, 0, false},
	}
	for _, tt := range tests {
		major, minor, ok := version(tt.release)
		if ok != tt.ok || ok && (major != tt.major || minor != tt.minor) {
			t.Errorf("version(%q) = %d, %d, %v", tt.release, major, minor, ok)
		}
	}
}
