package dhcp

import (
	"os"
	"strings"
	"testing"

	"vswitch/internal/testnet"
)

// again is set in the copy of this program that an ordinary user runs.
const again = "VSWITCH_DHCP_AGAIN"

// The clients that an ordinary user can run get their addresses in his namespaces as
// well.
func TestClientsWithoutRoot(t *testing.T) {
	if os.Getenv(again) != "" {
		return // this is the copy
	}
	testnet.NeedTUN(t)
	const tests = "^(TestUDHCPC|TestDHClient|TestDHClient6|TestSLAAC|TestRDisc6)$"
	out, err := testnet.AsUser(t, []string{again + "=1"}, "-test.v", "-test.count=1", "-test.run", tests)
	if err != nil || strings.Contains(out, "--- SKIP") || strings.Count(out, "--- PASS") != 5 {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}
