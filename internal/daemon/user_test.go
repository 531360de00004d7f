package daemon

import (
	"os"
	"strings"
	"testing"

	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// again is set in the copy of this program that an ordinary user runs.
const again = "VSWITCH_DAEMON_AGAIN"

// An ordinary user who may open /dev/net/tun has the same switch. This process
// may not become one: a copy of it does.
func TestEverythingWithoutRoot(t *testing.T) {
	if os.Getenv(again) != "" {
		return // this is the copy
	}
	testnet.NeedTUN(t)
	const tests = "^(TestRunsAsUser|TestPing|TestIperfTCP|TestPayloadArrivesAsItIs|TestAntiSpoofing|TestCloseIsComplete)$"
	out, err := testnet.AsUser(t, []string{again + "=1"}, "-test.v", "-test.count=1", "-test.run", tests)
	if err != nil || strings.Contains(out, "--- SKIP") || !strings.Contains(out, "--- PASS: TestRunsAsUser") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

// TestRunsAsUser checks, in the copy, that it is one.
func TestRunsAsUser(t *testing.T) {
	if os.Getenv(again) == "" {
		return
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(ids)); err != nil || len(f) != 3 || f[1] == "0" || f[2] != "1" {
		t.Errorf("uid map %q, %v", ids, err)
	}
	if sandbox.NeedsUserNS() {
		t.Error("not root of a user namespace")
	}
	// What only the machine's root may: nothing here has that right.
	if f, err := os.OpenFile("/proc/sysrq-trigger", os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Error("what is root's own can be opened")
	}
}
