package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Remove removes the state in dir, of whatever schema, where nobody has it open: a
// *LockedError where somebody has. It reports whether there was any. What is not the
// store's stays.
func Remove(dir string) (found bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, versionName)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, fmt.Errorf("state: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return true, fmt.Errorf("state: %w", err)
	}
	s := &Store{dir: dir, root: root, kinds: map[string]*folder{}}
	if err := s.hold(); err != nil {
		return true, errors.Join(err, s.Close())
	}
	_, err = s.Destroy()
	return true, err
}
