package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// listen opens a unix socket for its owner only. Whoever calls it holds the lock:
// a socket that is there is a dead one's. Its mode is set before anybody can
// connect.
func listen(path string) (*os.File, error) {
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("keeper: listen: %s is not a socket", path)
	}
	if err := removeFile(path); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keeper: make a socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		err = errors.Join(os.Chmod(path, 0o600), unix.Listen(fd, unix.SOMAXCONN))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keeper: listen at %s: %w", path, err), f.Close())
	}
	return f, nil
}

// listenerOf takes the descriptor of a listening socket over.
func listenerOf(f *os.File) (*net.UnixListener, error) {
	l, err := net.FileListener(f)
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("keeper: open the listener: %w", err)
	}
	unixListener, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(errors.New("keeper: the listener is not a unix socket"), l.Close())
	}
	return unixListener, nil
}

// removeFile removes a file that need not be there.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keeper: clean up: %w", err)
	}
	return nil
}
