package testnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Raw is a packet socket on a station's interface: it sends any frame and sees
// every frame that the interface receives, with its VLAN tags. It ends with the
// test. One goroutine at a time uses it.
type Raw struct {
	name string
	fd   int
	buf  []byte
	oob  []byte
}

// Raw opens a packet socket.
func (s *Station) Raw(t testing.TB) *Raw {
	t.Helper()
	r := &Raw{name: s.Box.Name(), buf: make([]byte, 1<<17), oob: make([]byte, 256)}
	s.Do(t, func() (err error) {
		r.fd, err = packetSocket(s.Link)
		return err
	})
	t.Cleanup(func() { unix.Close(r.fd) })
	return r
}

// packetSocket opens a socket in the calling thread's namespace. It receives
// nothing until it is bound.
func packetSocket(link string) (fd int, err error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	// More room than ordinary users get, where that is allowed.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifi.Index}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("packet socket on %s: %w", link, err)
	}
	return fd, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// Send sends one frame, from its destination address on. A frame that the
// device's ring has no room for is offered again.
func (r *Raw) Send(t testing.TB, frame []byte) {
	t.Helper()
	for {
		_, err := unix.Write(r.fd, frame)
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		}
		t.Fatalf("%s: send a frame of %d bytes: %v", r.name, len(frame), err)
	}
}

// Until returns the frames that came before one with mark in it, and fails the
// test if none came.
func (r *Raw) Until(t testing.TB, mark []byte) [][]byte {
	t.Helper()
	var seen [][]byte
	end := time.Now().Add(Patience)
	for {
		b, err := r.receive(end)
		if err != nil {
			t.Fatalf("%s: waiting for a frame with %q, seen %d: %v", r.name, mark, len(seen), err)
		}
		if bytes.Contains(b, mark) {
			return seen
		}
		seen = append(seen, b)
	}
}

// Await returns the next frame that ok accepts.
func (r *Raw) Await(t testing.TB, what string, ok func([]byte) bool) []byte {
	t.Helper()
	end := time.Now().Add(Patience)
	for {
		b, err := r.receive(end)
		if err != nil {
			t.Fatalf("%s: waiting for %s: %v", r.name, what, err)
		}
		if ok(b) {
			return b
		}
	}
}

// receive waits for a frame until end.
func (r *Raw) receive(end time.Time) ([]byte, error) {
	for {
		left := time.Until(end)
		if left <= 0 {
			return nil, errors.New("none came")
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return nil, err
		}
		if n > 0 {
			return r.read()
		}
	}
}

func (r *Raw) read() ([]byte, error) {
	n, oobn, _, _, err := unix.Recvmsg(r.fd, r.buf, r.oob, 0)
	if err != nil {
		return nil, err
	}
	return retag(bytes.Clone(r.buf[:n]), r.oob[:oobn])
}

// retag puts the outer VLAN tag back, which the kernel takes out of a frame and
// hands over beside it (packet(7), PACKET_AUXDATA).
func retag(frame, oob []byte) ([]byte, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		tag := binary.BigEndian.AppendUint16(nil, aux.Vlan_tpid)
		tag = binary.BigEndian.AppendUint16(tag, aux.Vlan_tci)
		frame = append(frame[:12:12], append(tag, frame[12:]...)...)
	}
	return frame, nil
}
