package engine

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/tap/taptest"
	vswitch "vswitch/switch"
)

// rig is an engine with a real switch on fake devices.
type rig struct {
	t      testing.TB
	e      *Engine
	sw     *vswitch.Switch
	failed chan failure
}

// failure is what OnPortError was told.
type failure struct {
	id  frame.PortID
	err error
}

// late is a forwarder that is made after its engine.
type late struct{ Forwarder }

// newRig starts an engine; edit may change how.
func newRig(t testing.TB, io string, edit func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, failed: make(chan failure, 64)}
	fwd := &late{}
	cfg := Config{Forwarder: fwd, IO: io, Workers: 1, OnPortError: func(id frame.PortID, err error) {
		r.failed <- failure{id, err}
	}}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	r.e, err = New(cfg)
	must(t, err)
	r.sw = vswitch.New(vswitch.Config{Workers: r.e.Workers(), Seed: 1})
	if fwd.Forwarder == nil {
		fwd.Forwarder = r.sw
	}
	t.Cleanup(func() {
		if err := r.e.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return r
}

// station is a container as a test sees it: a device, its port and an address.
type station struct {
	*taptest.Device
	r   *rig
	id  frame.PortID
	mac frame.MAC
	// taken counts what received let through.
	taken uint64
}

// plug adds a port of that configuration with a device behind it.
func (r *rig) plug(cfg vswitch.PortConfig) *station { return r.plugMTU(cfg, 65536) }

func (r *rig) plugMTU(cfg vswitch.PortConfig, mtu int) *station {
	r.t.Helper()
	dev, err := taptest.New(mtu)
	must(r.t, err)
	id, err := r.sw.AddPort(cfg)
	must(r.t, err)
	s := &station{Device: dev, r: r, id: id, mac: 0x020000000100 + frame.MAC(id)}
	must(r.t, r.e.Attach(id, dev))
	r.t.Cleanup(func() { // after the engine's end, or after unplug
		r.e.Close()
		s.Close()
	})
	return s
}

// unplug takes the station off the switch, in the order that a daemon uses.
func (s *station) unplug() frame.Totals {
	s.r.t.Helper()
	must(s.r.t, s.r.sw.RemovePort(s.id))
	totals, err := s.r.e.Detach(s.id)
	must(s.r.t, err)
	must(s.r.t, s.Device.Close())
	must(s.r.t, s.r.sw.ReleasePort(s.id))
	return totals
}

// Close closes the device once.
func (s *station) Close() error {
	if err := s.Device.Unplug(); errors.Is(err, os.ErrClosed) {
		return nil
	}
	return s.Device.Close()
}

// hello makes the switch learn the station, and takes the frame off the others.
func (s *station) hello(others ...*station) {
	s.r.t.Helper()
	must(s.r.t, s.Send(eth(frame.Broadcast, s.mac, []byte("hello"))))
	for _, o := range others {
		o.recv()
	}
}

// recv returns a copy of the next frame.
func (s *station) recv() []byte {
	s.r.t.Helper()
	_, b, err := s.Recv(patience)
	if err != nil {
		s.r.t.Fatalf("port %d: receive: %v", s.id, err)
	}
	return append([]byte(nil), b...)
}

// silent checks that nothing more arrived: after rest nothing is under way.
func (s *station) silent() {
	s.r.t.Helper()
	if _, b, err := s.Recv(time.Nanosecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		s.r.t.Fatalf("port %d: unexpected frame %x, %v", s.id, b[:min(len(b), 32)], err)
	}
}

// drain reads until the device is closed and counts the frames.
func (s *station) drain(wg *sync.WaitGroup, each func(b []byte)) {
	wg.Go(func() {
		for {
			_, b, err := s.Recv(patience)
			if err != nil {
				return
			}
			if each != nil {
				each(b)
			}
		}
	})
}

// rest waits until the engine has taken in n frames in all and every one of them
// is accounted for. No payload was copied.
func (r *rig) rest(n uint64) frame.Totals {
	r.t.Helper()
	t := r.restCopied(n)
	if t.CopiedBytes != 0 {
		r.t.Fatalf("%d payload bytes were copied", t.CopiedBytes)
	}
	return t
}

// restCopied is rest where frames were injected.
func (r *rig) restCopied(n uint64) frame.Totals {
	r.t.Helper()
	var t frame.Totals
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		if t = r.e.Totals(); t.RxFrames == n && t.Balanced() {
			break
		}
		if time.Now().After(until) {
			r.t.Fatalf("no rest: want %d frames in, have %+v", n, t)
		}
	}
	return t
}

// ended checks how many frames ended by reason.
func ended(t testing.TB, got frame.Totals, want map[frame.Reason]uint64) {
	t.Helper()
	for r := range frame.Reasons {
		if got.Ends[r] != want[r] {
			t.Errorf("%v: %d frames, want %d", r, got.Ends[r], want[r])
		}
	}
}

// typeTest is IEEE 802's EtherType for local experiments.
const typeTest = 0x88b5

// eth makes a frame with VLAN tags.
func eth(dst, src frame.MAC, payload []byte, tags ...frame.VLANFields) []byte {
	h := frame.EthernetFields{Dst: dst, Src: src, Tags: tags, EtherType: typeTest}
	b := make([]byte, h.Len()+len(payload))
	copy(h.Encode(b), payload)
	return b
}

// numbered makes a payload of n bytes that begins with a number.
func numbered(i uint32, n int) []byte {
	b := make([]byte, max(n, 4))
	for j := range b {
		b[j] = byte(uint32(j) * (i + 3))
	}
	binary.BigEndian.PutUint32(b, i)
	return b
}

// number returns the number of an untagged frame with a numbered payload.
func number(b []byte) uint32 { return binary.BigEndian.Uint32(b[frame.EthernetLen:]) }
