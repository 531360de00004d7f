package bench

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/tap"
)

// wire is a port in memory: what the test puts into in is read, what the loop
// writes comes out of out.
type wire struct {
	in, out chan []byte
	fail    error
}

func newWire() *wire { return &wire{in: make(chan []byte), out: make(chan []byte, 16)} }

func (w *wire) Read(b []byte) (int, error) {
	f, ok := <-w.in
	if !ok {
		return 0, io.EOF
	}
	return copy(b, f), nil
}

func (w *wire) Write(b []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.out <- append([]byte{}, b...)
	return len(b), nil
}

func (w *wire) Close() error { close(w.in); return nil }

func etherTo(dst, src frame.MAC) []byte {
	f := make([]byte, 60)
	dst.Put(f)
	src.Put(f[6:])
	return f
}

func TestNaiveLoopLearns(t *testing.T) {
	w := []*wire{newWire(), newWire(), newWire()}
	l := startNaive([]io.ReadWriteCloser{w[0], w[1], w[2]})
	w[0].in <- etherTo(frame.Broadcast, 0xa)
	<-w[1].out
	<-w[2].out
	w[1].in <- etherTo(0xa, 0xb)
	<-w[0].out
	w[0].in <- etherTo(0xb, 0xa)
	<-w[1].out
	w[0].in <- make([]byte, 5) // too short
	w[1].fail = errors.New("down")
	w[0].in <- etherTo(0xb, 0xa)
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if len(w[2].out) != 0 {
		t.Error("a frame to a known address was flooded")
	}
	if l.frames.Load() != 5 || l.drops.Load() != 2 || l.bytes.Load() != 4*60+5 {
		t.Errorf("frames %d, drops %d, bytes %d", l.frames.Load(), l.drops.Load(), l.bytes.Load())
	}
}

func TestNaiveStartFailsCleanly(t *testing.T) {
	needRoot(t)
	first := newWire()
	n := NewNaive("naive", func(_ *netnsx.NS, _ string, mac frame.MAC, _ ...netip.Prefix) (io.ReadWriteCloser, error) {
		if mac != naiveMAC {
			return nil, errors.New("no more devices")
		}
		return first, nil
	})
	before := holdings(t)
	if _, err := n.Start(context.Background()); err == nil {
		t.Fatal("started with one device")
	}
	if _, open := <-first.in; open {
		t.Error("the first device stays open")
	}
	if after := holdings(t); after != before {
		t.Errorf("left behind: before %s, after %s", before, after)
	}
}

func TestNaiveEndToEnd(t *testing.T) {
	needRoot(t)
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skip("NEEDS-TUN: ", err)
	}
	_ = f.Close()
	n := NewNaive("naive", tap.OpenPlain)
	st, err := n.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	env := testEnv()
	s, err := Verified{Bytes: 200_001, Seed: 1}.Run(context.Background(), &env, st[0], st[1])
	if err != nil {
		t.Fatal(err)
	}
	env.Length = 100 * time.Millisecond
	if _, err := (UDP{Frame: 64, Rate: 1000}).Run(context.Background(), &env, st[1], st[0]); err != nil {
		t.Error(err)
	}
	if c, err := n.Counters(); err != nil || c.Bytes < s.Bytes || c.Frames == 0 {
		t.Errorf("counters %+v, %v after %d bytes", c, err, s.Bytes)
	}
}
