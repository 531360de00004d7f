package network

import (
	"os"
	"strings"
	"testing"

	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// TestMain starts the program again in a user namespace when an ordinary user runs
// it: the tests are the same for both.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
		// The tests say what is missing.
	}
	os.Exit(m.Run())
}

// again is set in the copy of this program that an ordinary user runs.
const again = "VSWITCH_NETWORK_AGAIN"

// An ordinary user has the same networks. This process may not become one: a copy of
// it does.
func TestEverythingWithoutRoot(t *testing.T) {
	if os.Getenv(again) != "" {
		return // this is the copy
	}
	testnet.NeedTUN(t)
	const tests = "^(TestLifeOfContainer|TestRestart|TestEndpointWithDHCP|TestForeignNamespace)$"
	out, err := testnet.AsUser(t, []string{again + "=1"}, "-test.v", "-test.count=1", "-test.run", tests)
	if err != nil || strings.Contains(out, "--- SKIP") || !strings.Contains(out, "--- PASS: TestRestart") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}
