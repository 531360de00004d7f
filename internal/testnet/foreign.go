package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Foreign is a network namespace that a program has made without us.
type Foreign struct {
	PID  int
	Path string
	cmd  *exec.Cmd
}

// NewForeign starts a program in a network namespace of its own. Root only.
func NewForeign(t testing.TB) *Foreign {
	t.Helper()
	NeedRoot(t)
	NeedPrograms(t, "unshare", "nsenter", "ip")
	f := &Foreign{cmd: exec.Command("unshare", "--net", "sleep", "1000")}
	own, err := os.Readlink("/proc/self/ns/net")
	if err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.End(t) })
	f.PID = f.cmd.Process.Pid
	f.Path = fmt.Sprintf("/proc/%d/ns/net", f.PID)
	if !Eventually(func() bool { now, err := os.Readlink(f.Path); return err == nil && now != own }) {
		t.Fatal("unshare made no namespace")
	}
	return f
}

// Run runs a program in the namespace and returns what it wrote.
func (f *Foreign) Run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(f.PID), "--net", "--"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// End ends the program. With it the namespace goes, unless somebody holds it.
func (f *Foreign) End(t testing.TB) {
	t.Helper()
	if f.cmd.ProcessState != nil {
		return
	}
	if err := f.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = f.cmd.Wait() // it was killed: that is its error
}
