package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

var (
	// ErrNotFound: there is no document of that kind and key. It wraps fs.ErrNotExist.
	ErrNotFound = fmt.Errorf("no such document: %w", fs.ErrNotExist)
	// ErrDamaged: the file is not what Save wrote.
	ErrDamaged = errors.New("document is damaged")
	// ErrName: a kind or key that no file is made for.
	ErrName = errors.New("a kind or key is 1 to 128 of a-z 0-9 . _ -, and does not begin with a dot")
	// ErrNewer: a newer version of this program wrote the directory.
	ErrNewer = errors.New("state is of a newer version")
	// ErrLocked: another process has the directory. The error is a *LockedError.
	ErrLocked = errors.New("state is in use")
	// ErrForeign: the directory has directories, but was not made by a store.
	ErrForeign = errors.New("not a state directory")
	// ErrClosed: Close or Destroy was called. It wraps fs.ErrClosed.
	ErrClosed = fmt.Errorf("state: store: %w", fs.ErrClosed)
)

// A LockedError names the process that has the directory. It wraps ErrLocked.
type LockedError struct {
	Path string // of the lock file
	PID  int    // 0 where the file does not tell
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("state: %s: %v by process %d", e.Path, ErrLocked, e.PID)
}

// Unwrap makes it an ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// A WriteError is a change that the file system refused. Err is its reason, such as
// syscall.ENOSPC, EROFS or EACCES.
type WriteError struct {
	Op   string // what was tried: write, sync, rename, remove ...
	Path string // what it was tried with: the document, not the temporary file
	Err  error
}

func (e *WriteError) Error() string { return fmt.Sprintf("state: %s %s: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the reason.
func (e *WriteError) Unwrap() error { return e.Err }

// writeError makes a *WriteError of err. It drops the operation and the path that os
// adds: a temporary file's name tells nobody anything.
func writeError(op, path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return &WriteError{Op: op, Path: path, Err: err}
}

// Damage is a file that could not be read as a document.
type Damage struct {
	Path  string // where it was
	Aside string // where it is now; empty where it could not be read or moved, then it is still there
	Err   error  // wraps ErrDamaged, or says why it could not be read
}

func (d Damage) String() string {
	if d.Aside == "" {
		return fmt.Sprintf("%s: %v", d.Path, d.Err)
	}
	return fmt.Sprintf("%s: %v; it is now %s", d.Path, d.Err, d.Aside)
}
