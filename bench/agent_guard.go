package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// guard runs another program and ends it when standard input ends. The kernel
// ends it when the guard itself is killed: the thread that started the program
// stays locked here until the program is gone, as PR_SET_PDEATHSIG needs.
func (a *agent) guard(args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return fmt.Errorf("%w: no program to guard", errUsage)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = a.raw, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(a.ctx, func() { _ = cmd.Process.Kill() })()
	return cmd.Wait()
}
