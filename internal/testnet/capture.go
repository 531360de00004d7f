package testnet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"
)

// Capture is a tcpdump on a station's interface.
type Capture struct {
	p    *Program
	file *output
}

// A capture in immediate mode has slots of equal size: captureBuffer KiB hold
// about 2,000 frames of captureFrame bytes, and a test should send no more.
const (
	captureBuffer = "131072"
	captureFrame  = "66000"
)

// Capture starts tcpdump with a filter and returns when it listens. The filter
// should let the datagrams of Mark pass: "tcp or udp port 9". It needs the machine's
// root: tcpdump insists on changing its user, and the user namespace of an
// ordinary user has one only.
func (s *Station) Capture(t testing.TB, filter string) *Capture {
	t.Helper()
	file := &output{}
	p := s.start(t, &output{}, file, []string{
		"tcpdump", "-i", s.Link, "-n", "-U", "--immediate-mode", "-B", captureBuffer, "-s", captureFrame, "-w", "-", filter,
	})
	p.Await(t, "listening on")
	return &Capture{p: p, file: file}
}

// captureEnd is in the datagram that ends a capture.
var captureEnd = []byte("nothing of the test comes after this")

// Mark sends the datagram that ends a capture at the station to.
func (s *Station) Mark(t testing.TB, to *Station) {
	t.Helper()
	s.Raw(t).Send(t, UDP(to.MAC, s.MAC, s.V4, to.V4, captureEnd))
}

// Frames returns what was captured before the datagram of Mark, which it waits
// for. The capture must have missed nothing.
func (c *Capture) Frames(t testing.TB) [][]byte {
	t.Helper()
	if !Eventually(func() bool { return strings.Contains(c.file.String(), string(captureEnd)) }) {
		t.Fatalf("%s: the end of the capture did not come\n%s", c.p.name, c.p.out)
	}
	if said := c.p.Stop(t); !strings.Contains(said, "0 packets dropped by kernel") {
		t.Fatalf("%s missed frames:\n%s", c.p.name, said)
	}
	frames, err := readPcap(strings.NewReader(c.file.String()))
	if err != nil {
		t.Fatalf("%s: read the capture: %v", c.p.name, err)
	}
	return frames
}

func readPcap(r io.Reader) (frames [][]byte, err error) {
	p, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, err
	}
	for {
		b, info, err := p.ReadPacketData()
		switch {
		case errors.Is(err, io.EOF):
			return frames, nil
		case err != nil:
			return nil, err
		case info.CaptureLength < info.Length:
			return nil, fmt.Errorf("%d of %d bytes captured", info.CaptureLength, info.Length)
		case bytes.Contains(b, captureEnd):
			return frames, nil
		}
		frames = append(frames, b)
	}
}

// From returns the frames that carry IP from addr.
func From(frames [][]byte, addr netip.Addr) [][]byte {
	var out [][]byte
	for _, b := range frames {
		if p, err := dissect(b); err == nil && p.src == addr {
			out = append(out, b)
		}
	}
	return out
}
