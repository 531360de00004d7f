package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vswitch/internal/testnet"
)

// What README promises: clone, make demo. Only what is committed is there, and
// what an ordinary user then runs is the program that was built there.
func TestCloneAndMakeDemo(t *testing.T) {
	t.Parallel()
	testnet.NeedRoot(t)
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "git", "make", "go", "ping", "iperf3")
	if _, err := os.Stat(filepath.Join(repository, ".git")); err != nil {
		t.Skipf("NEEDS-GIT: the tree is no checkout: %v", err)
	}
	dir := filepath.Join(userDir(t), "vswitch")
	command(t, repository, "git", "clone", "-q", "--no-hardlinks", ".", dir)
	out := command(t, dir, "make", "demo", "ARGS=--no-ratio")
	has(t, out, `run by root:`, `ping +alice -> bob`, `iperf3 +alice -> bob`, `Nothing is left\.\n$`)
	if left := command(t, dir, "git", "status", "--porcelain"); left != "" {
		t.Errorf("the demo changed the checkout:\n%s", left)
	}
	path, err := filepath.Abs(filepath.Join(dir, "bin", "vswitch"))
	if err != nil {
		t.Fatal(err)
	}
	user := asUser.command(path, []string{"demo", "--no-ratio"})
	user.Dir = dir
	err = testnet.WithNode(asUser.node, func() error {
		b, err := user.CombinedOutput()
		out = string(b)
		return err
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	has(t, out, `run by .*54321`, `ping +alice -> bob`, `iperf3 +alice -> bob`, `Nothing is left\.\n$`)
}

// command runs a program to its end, a good one, and returns what it wrote. make
// above us must not hand its own variables down.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
