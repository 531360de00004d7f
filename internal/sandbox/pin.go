package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// pinned are the kinds of namespaces that a sandbox has, each a file of that name
// in the directory that Pin makes.
var pinned = [...]Kind{Net, Mount, UTS}

// Pin keeps the namespaces alive beyond this process: it makes the directory, whose
// parent must exist, and mounts each namespace on a file in it. They stay until Unpin, also when nothing
// else holds them. The mounts are in the calling process's mount namespace, which
// must be older than the sandbox, as that of its maker is. When Pin fails it leaves
// nothing behind.
func (s *Sandbox) Pin(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("sandbox: pin %s: %w", s.name, err)
	}
	for _, k := range pinned {
		if err := s.control(k, func(fd int) error { return pinOne(fd, filepath.Join(dir, string(k))) }); err != nil {
			return errors.Join(fmt.Errorf("sandbox: pin the %s namespace of %s: %w", k, s.name, err), Unpin(dir))
		}
	}
	return nil
}

// control calls fn with the descriptor of one of the namespaces.
func (s *Sandbox) control(k Kind, fn func(fd int) error) error {
	switch k {
	case Net:
		return s.net.Control(fn)
	case Mount:
		return withFD(s.mnt, fn)
	default:
		return withFD(s.uts, fn)
	}
}

func pinOne(fd int, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", fd), path, "", unix.MS_BIND, "")
}

// Unpin undoes Pin, from within the same mount namespace. What is not there any
// more is not missed, so Unpin may be repeated; a directory that holds other files
// is left with them.
func Unpin(dir string) error {
	var errs error
	for _, k := range pinned {
		path := filepath.Join(dir, string(k))
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		// EINVAL: nothing is mounted there.
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			errs = errors.Join(errs, fmt.Errorf("sandbox: unpin %s: %w", path, err))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = errors.Join(errs, fmt.Errorf("sandbox: unpin: %w", err))
		}
	}
	err := os.Remove(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
		errs = errors.Join(errs, fmt.Errorf("sandbox: unpin: %w", err))
	}
	return errs
}

// OpenPinned opens the sandbox that is pinned in dir, named as that directory. It
// is the same sandbox: Close ends its processes, whoever started them, and leaves
// the pins, for Unpin.
func OpenPinned(dir string) (*Sandbox, error) {
	name := filepath.Base(dir)
	ns, err := netnsx.Open(filepath.Join(dir, string(Net)))
	if err != nil {
		return nil, fmt.Errorf("sandbox: open the pinned %s: %w", name, err)
	}
	s := &Sandbox{name: name, net: ns, procs: map[*Process]struct{}{}}
	if s.mnt, err = openPin(dir, Mount); err == nil {
		s.uts, err = openPin(dir, UTS)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: open the pinned %s: %w", name, err), s.release())
	}
	return s, nil
}

// openPin opens a pin and makes sure that it is one: without its mount it is an
// empty file.
func openPin(dir string, k Kind) (*os.File, error) {
	path := filepath.Join(dir, string(k))
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	kind := 0
	err = withFD(f, func(fd int) (err error) {
		kind, err = unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
		return err
	})
	if err != nil || kind != k.cloneFlag() {
		return nil, errors.Join(fmt.Errorf("%s is not a %s namespace", path, k), f.Close())
	}
	return f, nil
}
