package sandbox

import (
	"context"
	"fmt"
	"os"
	"testing"

	"vswitch/internal/netnsx"
)

// hold is a process with a sandbox, tied by a device to the namespace at path, and
// with a program in it. It waits to be killed.
func hold(path string) {
	err := func() error {
		outside, err := netnsx.Open(path)
		if err != nil {
			return err
		}
		s, err := Create(Config{Name: "held"})
		if err != nil {
			return err
		}
		if err := netnsx.MakeVeth(netnsx.End{NS: outside, Name: "watch"}, netnsx.End{NS: s.NetNS(), Name: "tie"}, 0); err != nil {
			return err
		}
		p, err := s.Command(context.Background(), Cmd{Args: []string{"sleep", "1000"}})
		if err != nil {
			return err
		}
		fmt.Println("ready", p.Pid())
		<-p.Done()
		return nil
	}()
	fmt.Println("ended:", err)
	os.Exit(1)
}

// kill -9 leaves no process and no namespace.
func TestKillLeavesNothing(t *testing.T) {
	needNamespaces(t)
	outside, err := netnsx.New()
	must(t, err)
	defer outside.Close()
	h, err := outside.Netlink()
	must(t, err)
	defer h.Close()
	var path string
	must(t, outside.Control(func(fd int) error {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
		return nil
	}))
	cmd := helper(t, "holder "+path)
	_, program := begin(t, cmd)
	if _, err := h.Link("watch"); err != nil {
		t.Fatal(err)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if !ended(program) {
		t.Error("the program in the sandbox still runs")
	}
	if !settle(func() bool { _, err := h.Link("watch"); return err != nil }) {
		t.Error("the sandbox's network namespace is still there")
	}
}
