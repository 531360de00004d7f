package testnet

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"vswitch/internal/sandbox"
)

// NeedTUN skips a test, loudly, where no TAP device can be opened. Namespaces
// must be possible as well; an ordinary user has gone through sandbox.Reexec.
func NeedTUN(t testing.TB) {
	t.Helper()
	for _, c := range sandbox.Probe() {
		if c.Err != nil {
			t.Skipf("NEEDS-ROOT: no %s: %v", c.Name, c.Err)
		}
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("NEEDS-TUN: %v", err)
	}
	f.Close()
}

// NeedRoot skips a test, loudly, that only the machine's root can do.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 || inUserNS() {
		t.Skip("NEEDS-ROOT: only root can do this")
	}
}

// inUserNS reports whether root is root of a user namespace only.
func inUserNS() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || len(strings.Fields(string(b))) != 3 || strings.Fields(string(b))[2] != "4294967295"
}

// NeedPrograms fails a test that has not the programs that it runs: packages.txt
// names where they come from.
func NeedPrograms(t testing.TB, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			t.Fatalf("%v (see packages.txt)", err)
		}
	}
}
