package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// Reason says in a few words why err happened: the operation next to the
// system's own error, and that error once, with its symbol. It never repeats the
// chain of wrapping. It is empty for nil.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Why
	}
	if s := operation(err); s != "" {
		return s
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, context.Canceled):
		return "it was interrupted"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errnoText(errno)
	}
	return oneLine(root(err).Error())
}

// operation describes the errors of the standard library that name an object.
func operation(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("%s %s: %s", e.Op, e.Path, Reason(e.Err))
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Sprintf("%s %s %s: %s", e.Op, e.Old, e.New, Reason(e.Err))
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return fmt.Sprintf("%s: %s", e.Name, Reason(e.Err))
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s %s: %s", e.Op, e.Net, Reason(e.Err))
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return fmt.Sprintf("%s: %s", e.Syscall, Reason(e.Err))
	}
	return ""
}

// root follows the chain to its end; of several causes, the first.
func root(err error) error {
	for {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			if e.Unwrap() == nil {
				return err
			}
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			if len(e.Unwrap()) == 0 {
				return err
			}
			err = e.Unwrap()[0]
		default:
			return err
		}
	}
}

// errnoText is the kernel's sentence with its symbol: "permission denied (EACCES)".
func errnoText(e syscall.Errno) string {
	if s := Errno(e); s != "" {
		return e.Error() + " (" + s + ")"
	}
	return e.Error()
}

// Errno returns the symbol of an error number that this program can meet, such
// as EACCES; empty for others.
func Errno(e syscall.Errno) string { return symbols[e] }

// symbols has the numbers that files, devices, namespaces and sockets give.
var symbols = map[syscall.Errno]string{
	syscall.E2BIG:         "E2BIG",
	syscall.EACCES:        "EACCES",
	syscall.EADDRINUSE:    "EADDRINUSE",
	syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL",
	syscall.EAFNOSUPPORT:  "EAFNOSUPPORT",
	syscall.EAGAIN:        "EAGAIN",
	syscall.EBADF:         "EBADF",
	syscall.EBADFD:        "EBADFD",
	syscall.EBUSY:         "EBUSY",
	syscall.ECONNREFUSED:  "ECONNREFUSED",
	syscall.EEXIST:        "EEXIST",
	syscall.EFAULT:        "EFAULT",
	syscall.EINVAL:        "EINVAL",
	syscall.EIO:           "EIO",
	syscall.EMFILE:        "EMFILE",
	syscall.ENFILE:        "ENFILE",
	syscall.ENETUNREACH:   "ENETUNREACH",
	syscall.ENODEV:        "ENODEV",
	syscall.ENOENT:        "ENOENT",
	syscall.ENOEXEC:       "ENOEXEC",
	syscall.ENOMEM:        "ENOMEM",
	syscall.ENOSPC:        "ENOSPC",
	syscall.ENOSYS:        "ENOSYS",
	syscall.ENOTSUP:       "EOPNOTSUPP",
	syscall.ENOTTY:        "ENOTTY",
	syscall.ENXIO:         "ENXIO",
	syscall.EPERM:         "EPERM",
	syscall.ESRCH:         "ESRCH",
	syscall.ETIMEDOUT:     "ETIMEDOUT",
	syscall.EUSERS:        "EUSERS",
}
