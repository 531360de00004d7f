package tcp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/offload"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
)

// patience bounds how long a test waits for what must come.
const patience = 30 * time.Second

// wire is a station with the kernel's TCP behind a TAP, and the host as what is
// there at the gateway's addresses.
type wire struct {
	testnet.Station
	t    *testing.T
	h    *Host
	dev  *tap.Device
	stop [2]int // a pipe
	wg   sync.WaitGroup
	done chan struct{}
	wake chan struct{}
	// loss is in parts of a thousand, either way.
	loss   atomic.Int64
	supers atomic.Int64 // frames longer than the MTU that came in
	// out and chance are send's, which is never called twice at once.
	out    frame.Ledger
	chance *rand.Rand
}

func newWire(t *testing.T) *wire {
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "dig")
	testnet.NoLeaks(t)
	w := &wire{t: t, done: make(chan struct{}), wake: make(chan struct{}, 1), chance: rand.New(rand.NewPCG(3, 4))}
	box, err := sandbox.Create(sandbox.Config{Name: "station"})
	must(t, err)
	t.Cleanup(func() { must(t, box.Close()) })
	w.Station = testnet.Station{Box: box, Link: "eth0", MAC: peerMAC, V4: peer4, V6: peer6}
	w.dev, err = tap.Open(tap.Config{
		NS: box.NetNS(), Name: "eth0", MAC: peerMAC,
		Addrs: []netip.Prefix{netip.PrefixFrom(peer4, 24), netip.PrefixFrom(peer6, 64)},
	})
	must(t, err)
	t.Cleanup(func() { w.dev.Close() })
	w.neighbours(box.NetNS())
	w.h = NewHost(Config{MAC: gwMAC, Send: w.send, Wake: func() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}})
	must(t, unix.Pipe2(w.stop[:], unix.O_CLOEXEC))
	w.wg.Go(w.receive)
	w.wg.Go(func() { serve(w.h, w.wake, w.done) })
	t.Cleanup(w.close)
	return w
}

func (w *wire) neighbours(ns *netnsx.NS) {
	link, err := ns.Netlink()
	must(w.t, err)
	defer link.Close()
	for _, a := range []netip.Addr{gw4, gw6} {
		must(w.t, link.SetNeighbour("eth0", a, gwMAC))
	}
}

func (w *wire) close() {
	w.h.Close()
	close(w.done)
	unix.Close(w.stop[1])
	w.wg.Wait()
	unix.Close(w.stop[0])
}

func (w *wire) lost(r *rand.Rand) bool { return r.Int64N(1000) < w.loss.Load() }

// receive gives the host what the station sends.
func (w *wire) receive() {
	slab, err := frame.NewSlab(16)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer slab.Close()
	r := rand.New(rand.NewPCG(1, 2))
	batch, ledger := frame.NewBatch(slab), frame.Ledger{}
	for {
		fds := []unix.PollFd{{Fd: int32(w.stop[0])}, {Fd: int32(w.dev.FD()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) || fds[0].Revents != 0 {
			return
		}
		if _, err := w.dev.Read(batch, &ledger); err != nil {
			w.t.Error(err)
			return
		}
		for i := range batch.Live() {
			f := &batch.Live()[i]
			if f.Parse() != frame.Accepted || f.Proto != frame.ProtoTCP || w.lost(r) {
				continue
			}
			if f.Len > 2000 {
				w.supers.Add(1)
			}
			w.h.Input(f.Bytes())
		}
	}
}

// send gives the station what the host sends.
func (w *wire) send(b []byte) {
	if sums, err := testnet.CheckSums(b); err != nil || sums != testnet.Complete {
		w.t.Errorf("%v, %v: %x", sums, err, b)
	}
	if w.lost(w.chance) {
		return
	}
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(b)), Off: frame.Headroom, Len: len(b)}
	copy(f.Bytes(), b)
	offload.Vnet(f.Vnet()).Clear()
	w.dev.Write([]*frame.Frame{f}, &w.out)
}

// dial connects from inside of the station.
func (w *wire) dial(t *testing.T, to netip.Addr, port uint16) *net.TCPConn {
	t.Helper()
	var c net.Conn
	must(t, w.Box.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", addrPort(to, port).String(), patience)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(2*patience)))
	return c.(*net.TCPConn)
}

// TestKernel: the kernel's TCP, and programs that use it.
func TestKernel(t *testing.T) {
	w := newWire(t)
	t.Run("dns", w.dns)
	w.echo()
	for _, loss := range []int64{0, 20} {
		for _, to := range []netip.Addr{gw4, gw6} {
			t.Run(fmt.Sprintf("echo at %v, loss %d/1000", to, loss), func(t *testing.T) {
				w.loss.Store(loss)
				defer w.loss.Store(0)
				w.bulk(t, to, int(4<<20/(1+loss/10)))
			})
		}
	}
	t.Run("ends", w.ends)
	t.Run("slow reader", w.slow)
	if w.supers.Load() == 0 {
		t.Error("no super-frame came in")
	}
}

// bulk sends bytes to the echo and wants them back.
func (w *wire) bulk(t *testing.T, to netip.Addr, n int) {
	data := []byte(text(n))
	c := w.dial(t, to, 7)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Write(data)
		if err = errors.Join(err, c.CloseWrite()); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, %v; %+v", len(got), err, w.h.Stats())
	}
	c.Close()
	wg.Wait()
	if !testnet.Eventually(func() bool { return w.h.Stats().Open == 0 }) {
		t.Errorf("connections left: %+v", w.h.Stats())
	}
}

// echo serves what was sent.
func (w *wire) echo() {
	l, err := w.h.Listen(7)
	must(w.t, err)
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
}

// ends: how connections end is what the kernel understands.
func (w *wire) ends(t *testing.T) {
	l, err := w.h.Listen(8)
	must(t, err)
	defer l.Close()
	connect := func() (*net.TCPConn, *Conn) {
		c := w.dial(t, gw4, 8)
		s, err := l.Accept()
		must(t, err)
		return c, s.(*Conn)
	}
	b := make([]byte, 10)

	c, s := connect() // the service closes with something unread
	_, err = c.Write([]byte("x"))
	must(t, err)
	if !testnet.Eventually(func() bool { w.h.mu.Lock(); defer w.h.mu.Unlock(); return len(s.rcv.buf) > 0 }) {
		t.Error("nothing came")
	}
	must(t, s.Close())
	_, err = c.Read(b)
	fails(t, err, syscall.ECONNRESET)

	c, s = connect() // the client resets
	must(t, c.SetLinger(0))
	must(t, c.Close())
	_, err = s.Read(b)
	fails(t, err, syscall.ECONNRESET)

	c, s = connect() // the service closes, then the client
	must(t, s.Close())
	_, err = c.Read(b)
	fails(t, err, io.EOF)
	must(t, c.Close())

	must(t, w.Box.Do(func() error { // nobody listens
		_, err := net.DialTimeout("tcp4", addrPort(gw4, 9).String(), patience)
		fails(t, err, syscall.ECONNREFUSED)
		return nil
	}))
	if !testnet.Eventually(func() bool { return w.h.Stats().Open == 0 }) {
		t.Errorf("connections left: %+v", w.h.Stats())
	}
}

// slow: a client that does not read has the service wait behind a shut window; then
// it gets everything.
func (w *wire) slow(t *testing.T) {
	l, err := w.h.Listen(10)
	must(t, err)
	defer l.Close()
	c := w.dial(t, gw4, 10)
	must(t, c.SetReadBuffer(4096))
	s, err := l.Accept()
	must(t, err)
	data := []byte(text(2 << 20))
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Write(data)
		if err = errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
	})
	if !testnet.Eventually(func() bool { return w.h.Stats().Probes > 1 }) {
		t.Errorf("no probe: %+v", w.h.Stats())
	}
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	wg.Wait()
}
