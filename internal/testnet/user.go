package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// UID is a user, and a group, without a name or a right.
const UID = 54321

// AsUser runs a copy of this test program as an ordinary user who finds an open
// /dev/net/tun, and returns what it wrote. The node is made in a mount namespace
// that only the copy is in: the machine's own stays as it is. Root only.
func AsUser(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	NeedRoot(t)
	program := userCopy(t)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = filepath.Dir(program)
	cmd.Env = append(os.Environ(), "HOME=/nonexistent", "TMPDIR="+cmd.Dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: UID, Gid: UID}, Pdeathsig: unix.SIGKILL,
	}
	var out []byte
	err := WithNode(0o666, func() (err error) {
		out, err = cmd.CombinedOutput()
		return err
	})
	return string(out), err
}

// WithNode runs fn on a thread in a mount namespace of its own, in which
// /dev/net/tun has the mode, or is missing when that is 0. Programs that fn starts
// see the same; the machine's own node stays as it is. Only the machine's root can.
func WithNode(mode uint32, fn func() error) error {
	return netnsx.OnThread(func() error {
		if err := privateNode(mode); err != nil {
			return err
		}
		return fn()
	})
}

// privateNode moves the calling thread. The tmpfs is mounted by the machine's
// root: one that a user namespace mounts could hold no device.
func privateNode(mode uint32) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/dev/net", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return fmt.Errorf("mount over /dev/net: %w", err)
	}
	if mode == 0 {
		return nil
	}
	const node = "/dev/net/tun"
	err := errors.Join(unix.Mknod(node, unix.S_IFCHR|mode, int(unix.Mkdev(10, 200))), unix.Chmod(node, mode))
	if err != nil {
		return fmt.Errorf("make %s: %w", node, err)
	}
	return nil
}

// userCopy copies this program to where the user may run and write.
func userCopy(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "vswitch-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile("/proc/self/exe")
	path := filepath.Join(dir, "copy.test")
	if err == nil {
		err = errors.Join(os.WriteFile(path, program, 0o755), os.Chown(dir, UID, UID), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
