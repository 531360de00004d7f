package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxBody bounds a message, in bytes: maxWords in base64 and what is around.
	maxBody = 4 << 20
	// maxFiles is how many descriptors a message may carry.
	maxFiles = 3
	// headerLen is the length of the body's length, in network byte order.
	headerLen = 4
)

// errMessage: what came is not a message.
var errMessage = errors.New("keeper: not a message")

// conn carries messages. One goroutine may receive while any send.
type conn struct {
	sock *net.UnixConn
	mu   sync.Mutex // one message is written after another
}

// connOf takes a socket's descriptor over.
func connOf(f *os.File) (*conn, error) {
	c, err := net.FileConn(f)
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("keeper: open a socket: %w", err)
	}
	sock, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("keeper: not a unix socket"), c.Close())
	}
	return &conn{sock: sock}, nil
}

// connPair makes two ends of a connection: one for here, one to hand to a process.
func connPair() (*conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("keeper: make a pair of sockets: %w", err)
	}
	there := os.NewFile(uintptr(fds[1]), "keeper")
	here, err := connOf(os.NewFile(uintptr(fds[0]), "keeper"))
	if err != nil {
		return nil, nil, errors.Join(err, there.Close())
	}
	return here, there, nil
}

func (c *conn) close() error { return c.sock.Close() }

// send writes a message. The files stay the caller's. They go with the first byte,
// and a length is never split: it is one write to a unix socket.
func (c *conn) send(body []byte, files []*os.File) error {
	if len(body) > maxBody {
		return fmt.Errorf("keeper: a message of %d bytes: %w", len(body), unix.E2BIG)
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	header := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	_, _, err := c.sock.WriteMsgUnix(header, oob, nil)
	if err == nil {
		_, err = c.sock.Write(body)
	}
	if err != nil {
		return fmt.Errorf("keeper: send: %w", err)
	}
	return nil
}

// receive reads a message. The files are the caller's; programs do not inherit
// them. io.EOF means that the other end has closed the connection between two
// messages.
func (c *conn) receive() (body []byte, files []*os.File, err error) {
	var header [headerLen]byte
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := c.sock.ReadMsgUnix(header[:], oob)
	if err == nil {
		files, err = received(oob[:oobn], flags)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err == nil {
		_, err = io.ReadFull(c.sock, header[n:])
	}
	size := binary.BigEndian.Uint32(header[:])
	if err == nil && size > maxBody {
		err = fmt.Errorf("%w: %d bytes", errMessage, size)
	}
	if err == nil {
		body = make([]byte, size)
		_, err = io.ReadFull(c.sock, body)
	}
	if err != nil {
		closeAll(files)
		return nil, nil, err
	}
	return body, files, nil
}

// received makes files of the descriptors that came along.
func received(oob []byte, flags int) (files []*os.File, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	for _, m := range msgs {
		fds, _ := unix.ParseUnixRights(&m) // another kind carries no descriptors
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = fmt.Errorf("%w: too many descriptors, or none left here", errMessage)
	}
	return files, err
}

// closeAll closes files that nobody else knows of; nil entries are none.
func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // nothing was written through it
		}
	}
}
