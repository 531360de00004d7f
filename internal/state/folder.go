package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// folder is a directory by its descriptors: one for what lies in it, one for fsync.
type folder struct {
	root *os.Root
	dir  *os.File
	path string
	mode Sync
	sy   *syncer
}

// newFolder takes root over.
func newFolder(root *os.Root, path string, mode Sync) (*folder, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return &folder{root: root, dir: dir, path: path, mode: mode, sy: newSyncer(dir.Sync)}, nil
}

// folder returns the directory of a kind and makes it if asked to. Without, the error
// wraps fs.ErrNotExist where there is none. It wants s.mu.
func (s *Store) folder(kind string, create bool) (*folder, error) {
	s.kindMu.Lock()
	defer s.kindMu.Unlock()
	if f := s.kinds[kind]; f != nil {
		return f, nil
	}
	path := filepath.Join(s.dir, kind)
	if create {
		if err := s.root.Mkdir(kind, 0o700); err == nil {
			if err := s.self.sync(); err != nil {
				return nil, err
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return nil, writeError("make", path, err)
		}
	}
	root, err := s.root.OpenRoot(kind)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := newFolder(root, path, s.opts.sync(kind))
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	s.kinds[kind] = f
	return f, nil
}

func (f *folder) close() error { return errors.Join(f.dir.Close(), f.root.Close()) }

// sync makes renames, new files and removals in the directory last.
func (f *folder) sync() error {
	if f.mode == Fast {
		return nil
	}
	if err := f.sy.sync(); err != nil {
		return writeError("sync", f.path, err)
	}
	return nil
}

// names returns what lies in the directory, in order.
func (f *folder) names() ([]string, error) {
	dir, err := f.root.Open(".") // a descriptor of its own: it has a position
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// read returns the content of a file. It follows no symbolic link and does not wait
// for a pipe. Where the file is there but cannot be a document, the error wraps
// ErrDamaged.
func (f *folder) read(name string) ([]byte, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("state: %w: it is not a regular file", ErrDamaged)
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("state: %w: it has more than %d bytes", ErrDamaged, maxSize)
	}
	return data, nil
}

// aside renames a damaged file to the first free name.damaged-N.
func (f *folder) aside(name string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s%s%d", name, asideInfix, n)
		if _, err := f.root.Lstat(to); err == nil {
			continue
		}
		if err := f.root.Rename(name, to); err != nil {
			return "", writeError("rename", filepath.Join(f.path, name), err)
		}
		return filepath.Join(f.path, to), f.sync()
	}
}

// clean removes what writers of an earlier process left half done.
func (f *folder) clean() error {
	names, err := f.names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if !tempPattern.MatchString(n) {
			continue
		}
		if err := f.root.Remove(n); err != nil {
			return writeError("remove", filepath.Join(f.path, n), err)
		}
	}
	return nil
}
