package taptest_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/tap"
	"vswitch/internal/tap/taptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ engine.Port = (*taptest.Device)(nil)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func device(t *testing.T) (*taptest.Device, *frame.Batch) {
	t.Helper()
	d, err := taptest.New(1500)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	s, err := frame.NewSlab(4)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return d, frame.NewBatch(s)
}

// TestBothWays: what one side sends the other receives, whole, in order and apart,
// from an empty frame to a super-frame.
func TestBothWays(t *testing.T) {
	d, b := device(t)
	var l frame.Ledger
	for i, n := range []int{0, 14, 60, 1514, 65550} {
		want := bytes.Repeat([]byte{byte(i + 1)}, n)
		vnet := bytes.Repeat([]byte{byte(i + 100)}, frame.VnetLen)
		must(t, d.SendVnet(vnet, want))
		if _, err := d.Read(b, &l); err != nil || b.N != 1 {
			t.Fatalf("%d bytes: read %d frames, %v", n, b.N, err)
		}
		f := &b.Frames[0]
		if !bytes.Equal(f.Bytes(), want) || !bytes.Equal(f.Vnet(), vnet) {
			t.Fatalf("%d bytes arrived as %d", n, f.Len)
		}
		d.Write([]*frame.Frame{f}, &l)
		gotVnet, got, err := d.Recv(time.Minute)
		if err != nil || !bytes.Equal(got, want) || !bytes.Equal(gotVnet, vnet) {
			t.Fatalf("%d bytes came back as %d, %v", n, len(got), err)
		}
	}
	must(t, d.Send([]byte("plain")))
	if _, err := d.Read(b, &l); err != nil || !bytes.Equal(b.Frames[0].Vnet(), make([]byte, frame.VnetLen)) {
		t.Errorf("the virtio header of Send: %x, %v", b.Frames[0].Vnet(), err)
	}
	if d.MTU() != 1500 {
		t.Errorf("MTU %d", d.MTU())
	}
}

// TestRecvGivesUp: with the error that it names, and is of use afterwards.
func TestRecvGivesUp(t *testing.T) {
	d, b := device(t)
	if _, _, err := d.Recv(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing to receive: %v", err)
	}
	var l frame.Ledger
	must(t, d.Send([]byte("later")))
	_, err := d.Read(b, &l)
	must(t, err)
	d.Write([]*frame.Frame{&b.Frames[0]}, &l)
	if _, got, err := d.Recv(time.Minute); err != nil || string(got) != "later" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := unix.Write(d.FD(), []byte("short")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Recv(time.Minute); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("less than a virtio header: %v", err)
	}
}

// TestSendWaits: for room in the queue.
func TestSendWaits(t *testing.T) {
	d, b := device(t)
	const n = 5000
	done := make(chan error, 1)
	go func() {
		for range n {
			if err := d.Send(make([]byte, 1500)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var l frame.Ledger
	for l.RxFrames.Load() < n {
		_, err := d.Read(b, &l)
		must(t, err)
	}
	must(t, <-done)
}

// TestFull: a queue that nobody reads takes a few super-frames, then refuses.
func TestFull(t *testing.T) {
	d, b := device(t)
	b.Frames[0].Enter(60000)
	var l frame.Ledger
	for range 200 {
		d.Write([]*frame.Frame{&b.Frames[0]}, &l)
	}
	sent, full := l.TxFrames.Load(), l.Ends[frame.DropPortFull].Load()
	if sent < 3 || sent+full != 200 || full == 0 {
		t.Errorf("%d sent, %d refused of 200", sent, full)
	}
}

// TestUnplug: the switch sees the device go, after what was sent before.
func TestUnplug(t *testing.T) {
	d, b := device(t)
	must(t, d.Send([]byte("last words")))
	must(t, d.Unplug())
	var l frame.Ledger
	if _, err := d.Read(b, &l); b.N != 1 || !errors.Is(err, tap.ErrGone) {
		t.Errorf("read %d, %v", b.N, err)
	}
	if err := d.Send(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("send after Unplug: %v", err)
	}
	must(t, d.Close())
}
