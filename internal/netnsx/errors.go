package netnsx

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	// ErrNoLink: the namespace has no link of that name.
	ErrNoLink = errors.New("no such link")
	// ErrClosed: the namespace or the handle was closed.
	ErrClosed = errors.New("already closed")
	// ErrNotNetNS: the file is not a network namespace.
	ErrNotNetNS = errors.New("not a network namespace")
)

// Error is a failed operation on a namespace or on something in it.
type Error struct {
	// Op says what was tried, as a verb phrase: "set the MTU of".
	Op string
	// Object names what it was tried on, empty for the namespace itself.
	Object string
	// Err is the cause, a syscall.Errno where the kernel refused.
	Err error
}

// Error returns operation, object and cause in one line.
func (e *Error) Error() string {
	if e.Object == "" {
		return fmt.Sprintf("netnsx: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("netnsx: %s %s: %v", e.Op, e.Object, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap names a failed operation; nil stays nil.
func wrap(op, object string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[netlink.LinkNotFoundError](err); ok {
		err = ErrNoLink
	}
	return &Error{Op: op, Object: object, Err: err}
}

// attempts bounds how often a request is repeated. A dump is interrupted when
// the table changes under it; a busy namespace does that a few times in a row.
const attempts = 20

// retry repeats a request that a signal or a changing table interrupted.
func retry(request func() error) error {
	var err error
	for range attempts {
		err = request()
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return err
}
