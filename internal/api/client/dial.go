package client

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxPath is the longest path of a unix socket: sun_path less the ending zero
// (unix(7)).
const maxPath = 107

// dialError is a failure to connect, told apart from one during a call.
type dialError struct{ err error }

func (e *dialError) Error() string { return "client: dial: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial connects to the switch. An error is a *dialError.
func (c *Client) dial(ctx context.Context) (*net.UnixConn, error) {
	conn, err := dialUnix(ctx, c.socket)
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// dialUnix connects to a socket, whose path may be of any length.
func dialUnix(ctx context.Context, path string) (*net.UnixConn, error) {
	if len(path) > maxPath {
		short, done, err := shorten(path)
		if err != nil {
			return nil, err
		}
		defer done()
		path = short
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// shorten names a socket by its opened directory, until done is called.
func shorten(path string) (short string, done func(), err error) {
	dir, err := os.OpenFile(filepath.Dir(path), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	short = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if len(short) > maxPath {
		dir.Close()
		return "", nil, fmt.Errorf("the name %.20s... is too long for a socket: %w", filepath.Base(path), syscall.ENAMETOOLONG)
	}
	return short, func() { dir.Close() }, nil
}
