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
//
// With -mount, the program sees one file in place of another: what it may not open
// where it is, since it gave up the right to look into other processes.
func (a *agent) guard(args []string) error {
	f := newFlags("guard")
	source := f.String("mount", "", "a file that the program shall see")
	at := f.String("at", "", "where it shall see it: a file that is there")
	if err := f.parse(args); err != nil {
		return err
	}
	args = f.Args()
	if len(args) == 0 {
		return fmt.Errorf("%w: no program to guard", errUsage)
	}
	runtime.LockOSThread()
	if *source == "" {
		defer runtime.UnlockOSThread()
	} else if err := mountPrivately(*source, *at); err != nil {
		return err // the thread ends with its mounts
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = a.raw, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(a.ctx, func() { _ = cmd.Process.Kill() })()
	return cmd.Wait()
}

// mountPrivately gives the calling thread mounts of its own, with source at a file.
func mountPrivately(source, at string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare CLONE_NEWNS", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount MS_PRIVATE", err)
	}
	if err := syscall.Mount(source, at, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, at, err)
	}
	return nil
}
