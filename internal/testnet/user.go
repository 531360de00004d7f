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

// uid is a user without a name or a right.
const uid = 54321

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
		Credential: &syscall.Credential{Uid: uid, Gid: uid}, Pdeathsig: unix.SIGKILL,
	}
	var out []byte
	err := netnsx.OnThread(func() error {
		if err := openNode(); err != nil {
			t.Errorf("open node: %v", err)
			return err
		}
		var err error
		out, err = cmd.CombinedOutput()
		return err
	})
	return string(out), err
}

// openNode gives the calling thread a mount namespace in which everybody may open
// /dev/net/tun. The tmpfs is mounted by the machine's root: one that a user
// namespace mounts could hold no device.
func openNode() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/dev/net", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return fmt.Errorf("mount over /dev/net: %w", err)
	}
	const node = "/dev/net/tun"
	err := errors.Join(unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))), unix.Chmod(node, 0o666))
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
		err = errors.Join(os.WriteFile(path, program, 0o755), os.Chown(dir, uid, uid), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
