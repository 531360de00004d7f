package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// enterNew puts the calling thread, which is in the sandbox's network namespace,
// into new mount and UTS namespaces, and prepares these.
func enterNew(hostname string, files etcFiles) error {
	if err := unshareMounts(); err != nil {
		return refused(Mount, err)
	}
	if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
		return refused(UTS, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("sandbox: make the mounts private: %w", err)
	}
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("sandbox: set the host name %q: %w", hostname, err)
	}
	if err := dropPins(); err != nil {
		return err
	}
	return installEtc(files)
}

// dropPins unmounts the namespaces that are mounted on files. A new mount namespace
// begins as a copy of ours; the copy would keep every namespace alive that is
// pinned now, after its pin has gone.
func dropPins() error {
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Type == "nsfs" {
			// EINVAL: the mount came from a more privileged mount namespace than
			// ours and is locked. Then it is not one of our pins.
			err := unix.Unmount(m.Point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
			if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
				return fmt.Errorf("sandbox: leave the pinned namespace %s: %w", m.Point, err)
			}
		}
	}
	return nil
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
