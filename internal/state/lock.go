package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lock takes the exclusive lock of a directory, without waiting. It lasts until the
// file is closed or the process ends; children do not inherit it.
func lock(root *os.Root) (*os.File, error) {
	path := filepath.Join(root.Name(), lockName)
	for {
		f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, writeError("lock", path, err)
		}
		current, err := tryLock(root, f, path)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if current {
			return f, nil
		}
		f.Close() // nothing was written
	}
}

// tryLock locks f. It reports whether f is still the lock file: Destroy of another
// process may have removed it since it was opened, and then its lock means nothing.
func tryLock(root *os.Root, f *os.File, path string) (current bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, &LockedError{Path: path, PID: holder(f)}
	}
	if err != nil {
		return false, writeError("lock", path, err)
	}
	mine, err := f.Stat()
	if err != nil {
		return false, writeError("lock", path, err)
	}
	if now, err := root.Lstat(lockName); err != nil || !os.SameFile(mine, now) {
		return false, nil
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return false, writeError("lock", path, err)
	}
	return true, nil
}

// writePID notes this process for whoever finds the lock taken.
func writePID(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}

// holder returns the process that f names, or 0.
func holder(f *os.File) int {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}
