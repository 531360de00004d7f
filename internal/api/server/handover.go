package server

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Descriptors that a program gets from the caller.
var handed = [...]string{"stdin", "stdout", "stderr"}

// scmMaxFD is how many descriptors one message can carry (SCM_MAX_FD in
// include/net/scm.h). There is room for all, so that those too many are seen and
// closed.
const scmMaxFD = 253

// receive reads one byte and the three descriptors that come with it. They are
// the caller's to close; on an error everything that came is closed. They are
// close-on-exec from the moment they exist: package net asks for MSG_CMSG_CLOEXEC.
func receive(c *net.UnixConn, within time.Duration) ([]*os.File, error) {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	b, oob := make([]byte, 1), make([]byte, syscall.CmsgSpace(scmMaxFD*4))
	_, n, flags, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, fmt.Errorf("receive descriptors: %w", err)
	}
	fds, err := rights(oob[:n])
	if err == nil && flags&syscall.MSG_CTRUNC != 0 {
		err = fmt.Errorf("receive descriptors: more came than a message carries")
	}
	if err == nil && len(fds) != len(handed) {
		err = fmt.Errorf("receive descriptors: %d came, want %d", len(fds), len(handed))
	}
	if err != nil {
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return nil, err
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	files := make([]*os.File, len(handed))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), handed[i])
	}
	return files, nil
}

// rights returns the descriptors of a control message, of which there may be
// several. With an error it returns those before it.
func rights(oob []byte) (fds []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("receive descriptors: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != syscall.SOL_SOCKET || m.Header.Type != syscall.SCM_RIGHTS {
			continue
		}
		if len(m.Data)%4 != 0 { // ParseUnixRights would read beyond the end
			return fds, fmt.Errorf("receive descriptors: %w", syscall.EINVAL)
		}
		some, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return fds, fmt.Errorf("receive descriptors: %w", err)
		}
		fds = append(fds, some...)
	}
	return fds, nil
}

// closeAll closes what was received.
func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
