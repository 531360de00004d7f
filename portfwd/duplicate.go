package portfwd

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// duplicate returns another descriptor of the same socket or file, closed on exec.
// It does not go through Fd, which would make a socket blocking.
func duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	errCtl := raw.Control(func(f uintptr) {
		fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0)
	})
	if errCtl != nil {
		return -1, errCtl
	}
	return fd, err
}
