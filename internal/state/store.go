package state

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

// Sync says what a document that was saved survives.
type Sync int

const (
	// Durable: the death of the process and a crash of the machine.
	Durable Sync = iota
	// Fast: the death of the process. A crash of the machine may damage or lose what
	// was saved in the half minute before it.
	Fast
)

// Options of a Store.
type Options struct {
	// Schema is the number of the form that documents have, from 1, which is also what
	// 0 means. Who changes the form of any kind counts it up.
	Schema int
	// Migrate makes the body of a document of the schema Schema from one of the older
	// schema from. It may be called again for a document when an earlier Open was
	// interrupted, but never for one that it has made. An error sets the document
	// aside. Nil: an older directory cannot be opened.
	Migrate func(from int, kind, key string, body []byte) ([]byte, error)
	Sync    Sync
	// FastKinds are kinds whose documents are saved as with Fast, whatever Sync says.
	FastKinds []string
}

// sync says what the documents of a kind survive.
func (o *Options) sync(kind string) Sync {
	if slices.Contains(o.FastKinds, kind) {
		return Fast
	}
	return o.Sync
}

// Store is a directory of documents by kind and key. It is safe for concurrent use.
type Store struct {
	dir  string
	opts Options
	root *os.Root
	lock *os.File
	self *folder // the directory itself
	temp atomic.Uint64

	// mu is held for reading by everything that uses the descriptors, and for writing
	// to close them and to move a damaged document.
	mu     sync.RWMutex
	closed bool

	kindMu sync.Mutex
	kinds  map[string]*folder
}

// Open opens the directory dir for this process alone, and makes it (with mode 0700)
// where there is none. It removes what interrupted writers left. The error is a
// *LockedError where another process has it, a *WriteError where it cannot be
// written, or wraps ErrNewer or ErrForeign; then the documents are untouched. Damage
// is what was found broken and set aside on the way; Each finds the rest.
func Open(dir string, opts Options) (*Store, []Damage, error) {
	opts.Schema = cmp.Or(opts.Schema, 1)
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	s := &Store{dir: dir, opts: opts, root: root, kinds: map[string]*folder{}}
	damage, err := s.open()
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, damage, nil
}

// makeDir makes dir and its parents, where they do not exist.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return writeError("make", dir, err)
	}
	// A parent that may not be read cannot be synced; then a crash may undo an empty
	// directory, which the next Open makes again.
	if parent, err := os.Open(filepath.Dir(dir)); err == nil {
		defer parent.Close()
		_ = parent.Sync()
	}
	return nil
}

// open does what Open promises after the directory is there.
func (s *Store) open() ([]Damage, error) {
	if err := s.hold(); err != nil {
		return nil, err
	}
	return s.checkVersion()
}

// hold takes the lock and opens the directory itself.
func (s *Store) hold() (err error) {
	if s.lock, err = lock(s.root); err != nil {
		return err
	}
	own, err := s.root.OpenRoot(".")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if s.self, err = newFolder(own, s.dir, s.opts.Sync); err != nil {
		return errors.Join(err, own.Close())
	}
	return nil
}

// Close gives the directory up. What was saved stays. Calls after it fail with
// ErrClosed; a second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// close wants s.mu for writing, or nobody else to know s.
func (s *Store) close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, f := range s.kinds {
		errs = append(errs, f.close())
	}
	if s.self != nil {
		errs = append(errs, s.self.close())
	}
	errs = append(errs, s.root.Close())
	if s.lock != nil {
		errs = append(errs, s.lock.Close()) // last: the lock ends here
	}
	return errors.Join(errs...)
}

// begin takes s.mu for reading; the caller releases it when the error is nil.
func (s *Store) begin() error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	return nil
}
