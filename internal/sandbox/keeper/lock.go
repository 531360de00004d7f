package keeper

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked: another keeper has the lock.
var errLocked = errors.New("keeper: another keeper runs")

// takeLock locks a file for as long as it is open, here or in a process that has
// inherited it (flock(2)).
func takeLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("keeper: open the lock: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			if errors.Is(err, unix.EWOULDBLOCK) {
				err = errLocked
			}
			return nil, errors.Join(err, f.Close())
		}
		if isAt(f, path) {
			return f, nil
		}
		// The keeper that had it has removed the file at its end.
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("keeper: close the lock: %w", err)
		}
	}
}

// isAt reports whether a path still leads to a file.
func isAt(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
