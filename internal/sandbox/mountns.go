package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// enterNew puts the calling thread, which is in the sandbox's network namespace,
// into new mount and UTS namespaces, and prepares these. Without a host name the
// host's stays.
func enterNew(hostname string, files etcFiles) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return refused(Mount, err)
	}
	if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
		return refused(UTS, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("sandbox: make the mounts private: %w", err)
	}
	if hostname != "" {
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return fmt.Errorf("sandbox: set the host name %q: %w", hostname, err)
		}
	}
	return installEtc(files)
}

// mountSys mounts a /sys that shows the devices of the thread's network namespace.
// The tree of control groups, in which programs look for their limits, stays.
func mountSys() error {
	cgroups, err := unix.Open("/sys/fs/cgroup", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(cgroups)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	mount := func(flags uintptr) error { return unix.Mount("sysfs", "/sys", "sysfs", flags, "") }
	fresh := mount(flags)
	if errors.Is(fresh, unix.EPERM) {
		// Where the old one is read-only and locked, a new one may not be more.
		fresh = mount(flags | unix.MS_RDONLY)
	}
	if fresh != nil {
		return fmt.Errorf("sandbox: mount /sys: %w", fresh)
	}
	if err != nil {
		return nil
	}
	if err := unix.Mount(threadFD(cgroups), "/sys/fs/cgroup", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("sandbox: keep /sys/fs/cgroup: %w", err)
	}
	return nil
}

// openCurrent opens a namespace of the calling thread.
func openCurrent(k Kind) (*os.File, error) {
	f, err := os.Open("/proc/thread-self/ns/" + string(k))
	if err != nil {
		return nil, fmt.Errorf("sandbox: open the %s namespace: %w", k, err)
	}
	return f, nil
}
