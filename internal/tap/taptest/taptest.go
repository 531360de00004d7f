package taptest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/tap"
)

// sockBuf is the room of a queue in bytes, a few super-frames.
const sockBuf = 1 << 20

// Device is a fake TAP device. It is an engine port.
type Device struct {
	*tap.Queue
	near int
	far  *os.File
	buf  []byte
}

// New makes a device with an MTU in bytes.
func New(mtu int) (*Device, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("taptest: make a pair of sockets: %w", err)
	}
	for _, fd := range fds {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sockBuf) // as much as the kernel allows
	}
	return &Device{
		Queue: tap.NewQueue(fds[0], mtu), near: fds[0],
		far: os.NewFile(uintptr(fds[1]), "taptest"), buf: make([]byte, frame.SlotSize),
	}, nil
}

// Send puts a frame onto the wire, as the container would: b begins with the
// Ethernet header. It waits while the queue is full.
func (d *Device) Send(b []byte) error { return d.SendVnet(make([]byte, frame.VnetLen), b) }

// SendVnet is Send with a virtio header of the caller's.
func (d *Device) SendVnet(vnet, b []byte) error {
	_, err := d.far.Write(append(append(make([]byte, 0, len(vnet)+len(b)), vnet...), b...))
	return err
}

// Recv returns the next frame that the switch sent to the container and its
// virtio header, waiting up to timeout for it; os.ErrDeadlineExceeded after that.
// Both slices are good until the next Recv. One caller at a time.
func (d *Device) Recv(timeout time.Duration) (vnet, b []byte, err error) {
	if err := d.far.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, nil, err
	}
	n, err := d.far.Read(d.buf)
	if err != nil {
		return nil, nil, err
	}
	if n < frame.VnetLen {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return d.buf[:frame.VnetLen], d.buf[frame.VnetLen:n], nil
}

// Unplug closes the container's end: the switch sees the device go.
func (d *Device) Unplug() error { return d.far.Close() }

// Close closes both ends. The engine must have detached the device.
func (d *Device) Close() error {
	err := d.far.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, unix.Close(d.near))
}
