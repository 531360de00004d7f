package sandbox

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A mount namespace can be mounted on a file only in one with a smaller number, so
// that no two keep each other alive (mnt_ns_loop in fs/namespace.c). The numbers
// used to say which is older. Since Linux 6.18 each CPU hands them out from a batch
// of its own, and a namespace that is made on another CPU than ours may come out
// smaller, so that Pin would fail, depending on where threads happened to run.

// unshareMounts puts the calling thread, which must be about to end anyway, into a
// new mount namespace with a greater number than the process's own, where the
// kernel tells numbers.
func unshareMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	own, known := mountNSNumber("/proc/self/ns/mnt")
	if !known || pinnable(own) {
		return nil
	}
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return err
	}
	err := unshareOnEach(cpus, own)
	return errors.Join(err, unix.SchedSetaffinity(0, &cpus))
}

// unshareOnEach tries the CPUs until the number is great enough. On the CPU that
// gave us ours it is, since numbers grow there; should that one be closed to us,
// everything but Pin works all the same.
func unshareOnEach(cpus unix.CPUSet, own uint64) error {
	for cpu := range len(cpus) * 64 {
		if !cpus.IsSet(cpu) {
			continue
		}
		var one unix.CPUSet
		one.Set(cpu)
		if unix.SchedSetaffinity(0, &one) != nil {
			continue // the CPU was taken away meanwhile
		}
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		if pinnable(own) {
			return nil
		}
	}
	return nil
}

// pinnable reports whether the thread's mount namespace can be pinned in the one
// of that number.
func pinnable(own uint64) bool {
	n, known := mountNSNumber("/proc/thread-self/ns/mnt")
	return known && n > own
}

// mountNSNumber is known since Linux 6.11.
func mountNSNumber(path string) (number uint64, known bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	err = withFD(f, func(fd int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&number)))
		if errno != 0 {
			return errno
		}
		return nil
	})
	return number, err == nil
}
