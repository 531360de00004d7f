package bench

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is its own agent, as the real program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bench-agent" {
		os.Exit(AgentMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	// Each agent would otherwise sleep for a second at its end under -race.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

// selfAgent is the command line of the agent in this test binary.
func selfAgent() []string { return []string{os.Args[0], "bench-agent"} }

// startPlainly starts a command where the test runs.
func startPlainly(cmd *exec.Cmd) error { return cmd.Start() }

// needRoot skips, loudly, a test that makes network namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NEEDS-ROOT: makes network namespaces")
	}
}
