package state

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// Delete removes the documents of a kind with the given keys. When it returns nil,
// they are gone for good. Those that do not exist make it ErrNotFound, after the
// others are removed. Other errors are *WriteError.
func (s *Store) Delete(kind string, keys ...string) error {
	if err := errors.Join(checkKind(kind), checkNames(keys...)); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	f, err := s.folder(kind, false)
	if err != nil {
		return notFound(err)
	}
	var errs []error
	for _, key := range keys {
		switch err := f.root.Remove(key + docSuffix); {
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, ErrNotFound)
		case err != nil:
			errs = append(errs, writeError("remove", filepath.Join(f.path, key+docSuffix), err))
		}
	}
	return errors.Join(append(errs, f.sync())...)
}

// Destroy removes all that the store has made: documents, damaged and unfinished
// ones too, then the directories as far as nothing else lies in them, and closes the
// store. It returns the paths that it removed. What is not the store's stays, and is
// no error.
func (s *Store) Destroy() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	w := &wrecker{}
	for _, kind := range s.kindsOnDisk() {
		f, err := s.folder(kind, false)
		if err != nil {
			w.errs = append(w.errs, err)
			continue
		}
		w.empty(f, made)
		w.removeDir(s.self, kind)
	}
	w.empty(s.self, func(name string) bool {
		return name == versionName || tempPattern.MatchString(name) || strings.HasPrefix(name, versionName+asideInfix)
	})
	w.remove(s.self, lockName) // last: until here nobody else opens the directory
	w.errs = append(w.errs, s.close())
	if err := syscall.Rmdir(s.dir); err == nil {
		w.removed = append(w.removed, s.dir)
	} else if !occupied(err) {
		w.errs = append(w.errs, writeError("remove", s.dir, err))
	}
	return w.removed, errors.Join(w.errs...)
}

// kindsOnDisk returns the names of directories that can be a kind's.
func (s *Store) kindsOnDisk() []string {
	names, err := s.self.names()
	if err != nil {
		return nil
	}
	var kinds []string
	for _, n := range names {
		if info, err := s.root.Lstat(n); err == nil && info.IsDir() && checkKind(n) == nil {
			kinds = append(kinds, n)
		}
	}
	return kinds
}

// wrecker removes files and takes notes.
type wrecker struct {
	removed []string
	errs    []error
}

// empty removes the files of f whose names are the store's.
func (w *wrecker) empty(f *folder, ours func(name string) bool) {
	names, err := f.names()
	if err != nil {
		w.errs = append(w.errs, err)
	}
	for _, n := range names {
		if ours(n) {
			w.remove(f, n)
		}
	}
}

// remove removes one file, or an empty directory.
func (w *wrecker) remove(f *folder, name string) {
	path := filepath.Join(f.path, name)
	if err := f.root.Remove(name); err != nil {
		w.errs = append(w.errs, writeError("remove", path, err))
		return
	}
	w.removed = append(w.removed, path)
}

// removeDir removes a directory in f, unless something lies in it.
func (w *wrecker) removeDir(f *folder, name string) {
	path := filepath.Join(f.path, name)
	if err := f.root.Remove(name); err == nil {
		w.removed = append(w.removed, path)
	} else if !occupied(err) {
		w.errs = append(w.errs, writeError("remove", path, err))
	}
}

// occupied reports whether a directory stays because something lies in it, or
// because it is a symbolic link or mounted, which its owner made.
func occupied(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EBUSY)
}
