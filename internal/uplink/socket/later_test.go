package socket

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	ut "vswitch/internal/uplink/uplinktest"
)

// lively is a worker whose network answers at once: what enters is answered while it is
// flushed.
type lively struct {
	*worker
	flushed func()
}

type worker = ut.Worker // whose own name is a method's

func (l *lively) Flush() {
	l.worker.Flush()
	l.flushed()
}

// livelyFront gives the shard a lively worker.
type livelyFront struct {
	front
	x *lively
}

func (f *livelyFront) Ready(_ uplink.Outbox, key int32, events uint32) {
	f.Shard.Ready(f.x, []uplink.Event{{Events: events, Fd: key}})
}

func (f *livelyFront) Resume(uplink.Outbox) bool {
	f.Shard.Ready(f.x, nil)
	return false
}

// liven has the network answer by what reply returns for each frame that enters. ends
// are how the answers ended that came while the shard was at work.
func (r *rig) liven(reply func(f *frame.Frame) []*frame.Frame) (ends map[frame.Reason]int) {
	ends = map[frame.Reason]int{}
	x := &lively{worker: r.Worker}
	x.flushed = func() {
		for len(r.Entered) > 0 {
			if run := reply(r.Take1()); len(run) > 0 {
				r.s.Take(x, r.Net, run)
				for _, f := range run {
					ends[f.Drop]++
					clear(f.Buf) // it was borrowed
				}
			}
		}
	}
	r.Shard = &livelyFront{front{Shard: r.s}, x}
	return ends
}

// Answers to datagrams arrive, in order and whole, up to as many as have room.
func TestLater(t *testing.T) {
	r := newRig(t)
	server := udpServer(t)
	r.send(alice4.UDP(4000, alias(server.LocalAddr()), []byte("begin"), 0))
	b := make([]byte, 65536)
	_, from, err := server.ReadFromUDPAddrPort(b)
	must(t, err)
	ends := r.liven(func(f *frame.Frame) (out []*frame.Frame) {
		for _, p := range split(f) {
			out = append(out, alice4.UDP(4000, alias(server.LocalAddr()), p, 0))
		}
		return out
	})
	for _, n := range []int{1, 20, maxLater} {
		clear(ends)
		for i := range n {
			_, err := server.WriteToUDPAddrPort(numbered(i, 8+i), from)
			must(t, err)
		}
		r.Until("answered", func() bool { return ends[frame.Consumed] >= n })
		if len(ends) != 1 || ends[frame.Consumed] != n || r.s.later.n != 0 || r.s.later.busy {
			t.Errorf("%d answers ended as %v; %d wait", n, ends, r.s.later.n)
		}
		for i := range n {
			if got, err := server.Read(b); err != nil || !bytes.Equal(b[:got], numbered(i, 8+i)) {
				t.Fatalf("of %d, answer %d: %x, %v", n, i, b[:got], err)
			}
		}
	}
}

// split returns the datagrams of a frame.
func split(f *frame.Frame) (all [][]byte) {
	p := f.UDP().Payload()
	size := int(ut.GSOSize(f))
	if size == 0 {
		size = max(len(p), 1)
	}
	for c := range slices.Chunk(p, size) {
		all = append(all, bytes.Clone(c))
	}
	return all
}

// numbered is a datagram of n bytes that differs from others.
func numbered(i, n int) []byte {
	return binary.BigEndian.AppendUint64(bytes.Repeat([]byte{byte(i)}, n-8), uint64(i))
}

// What there is no room for ends as busy: too many, and what is too long.
func TestLaterIsBounded(t *testing.T) {
	r := newRig(t)
	server := udpServer(t)
	to := alias(server.LocalAddr())
	r.send(alice4.UDP(4000, to, nil, 0))
	_, from, err := server.ReadFromUDPAddrPort(nil)
	must(t, err)
	said := false
	ends := r.liven(func(*frame.Frame) (out []*frame.Frame) {
		if said {
			return nil
		}
		said = true
		out = append(out, alice4.UDP(4000, to, make([]byte, laterSize), 0))
		for range maxLater + 6 {
			out = append(out, alice4.UDP(4000, to, []byte("x"), 0))
		}
		return out
	})
	_, err = server.WriteToUDPAddrPort([]byte("?"), from)
	must(t, err)
	r.Until("answered", func() bool { return said && !r.s.later.busy })
	if ends[frame.Consumed] != maxLater || ends[frame.DropUplinkBusy] != 7 || len(ends) != 2 {
		t.Errorf("answers ended as %v", ends)
	}
	b := make([]byte, laterSize)
	for range maxLater {
		if n, err := server.Read(b); err != nil || string(b[:n]) != "x" {
			t.Fatalf("%x, %v", b[:n], err)
		}
	}
}

// A network whose every answer has an answer does not keep the worker.
func TestLaterEnds(t *testing.T) {
	r := newRig(t)
	_, at := listener(t, 8)
	to := netip.AddrPortFrom(ut.Loopback4, at.Port())
	server := udpServer(t)
	r.send(alice4.UDP(4000, alias(server.LocalAddr()), nil, 0))
	_, from, err := server.ReadFromUDPAddrPort(nil)
	must(t, err)
	// Each segment that belongs nowhere is answered by a reset, and each reset by another.
	ends := r.liven(func(*frame.Frame) []*frame.Frame {
		return []*frame.Frame{alice4.TCP(9, to, frame.TCPFields{Flags: ack}, nil, 0)}
	})
	_, err = server.WriteToUDPAddrPort(nil, from)
	must(t, err)
	r.Until("answered", func() bool { return ends[frame.Consumed] > 0 && !r.s.later.busy })
	if ends[frame.Consumed] > maxLater+1 {
		t.Errorf("answers ended as %v", ends)
	}
}

// A connection whose segments are acknowledged, and resent data asked for, while they
// are sent carries its bytes in both directions.
func TestLaterTCP(t *testing.T) {
	r := newRig(t)
	fd, at := listener(t, 8)
	e := r.connect(4000, netip.AddrPortFrom(ut.Loopback4, at.Port()))
	c := conn(t, accept(t, fd))
	e.b.conns[e.name] = e
	e.echo, e.most = true, 1460
	heard := 0
	ends := r.liven(func(f *frame.Frame) []*frame.Frame {
		if f.Proto != frame.ProtoTCP {
			return nil
		}
		e.b.take(f)
		if heard++; heard%7 == 0 { // a duplicate, and a reset of what is no connection
			e.emit(ack, nil)
			e.b.out = append(e.b.out, alice4.TCP(9, e.name.peer, frame.TCPFields{Seq: 5, Ack: 6, Flags: rst | ack}, nil, 0))
		}
		out := e.b.out
		e.b.out = nil
		return out
	})
	want := make([]byte, 300<<10)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	go func() {
		if _, err := c.Write(want); err != nil {
			t.Error(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	got := make(chan []byte, 1)
	go func() {
		b, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		got <- b
	}()
	r.Until("over", func() bool {
		r.exchange(e.b) // what enters last is not flushed by the shard
		r.Advance(10 * time.Millisecond)
		return len(got) > 0
	})
	if b := <-got; !bytes.Equal(b, want) {
		t.Errorf("%d bytes came back, %d were sent", len(b), len(want))
	}
	if !bytes.Equal(e.got, want) {
		t.Errorf("the container has %d bytes, %d were sent", len(e.got), len(want))
	}
	if ends[frame.Consumed] == 0 || len(ends) != 1 {
		t.Errorf("answers ended as %v", ends)
	}
}

// conn makes a connection of package net of a descriptor, which it takes over.
func conn(t testing.TB, fd int) *net.TCPConn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "peer")
	defer f.Close()
	c, err := net.FileConn(f)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c.(*net.TCPConn)
}

// A reset in the middle of a turn ends the connection, and its peer sees it.
func TestLaterReset(t *testing.T) {
	r := newRig(t)
	fd, at := listener(t, 8)
	e := r.connect(4000, netip.AddrPortFrom(ut.Loopback4, at.Port()))
	peer := accept(t, fd)
	defer unix.Close(peer)
	e.b.conns[e.name] = e
	e.abort = true
	r.liven(func(f *frame.Frame) []*frame.Frame {
		e.b.take(f)
		out := e.b.out
		e.b.out = nil
		return out
	})
	_, err := unix.Write(peer, make([]byte, 200<<10))
	must(t, err)
	r.Until("reset", func() bool { return r.s.Counts().Flows == 0 })
	for err = nil; err == nil || err == unix.EAGAIN; {
		_, err = unix.Read(peer, make([]byte, 1))
	}
	if err != unix.ECONNRESET {
		t.Errorf("the peer sees %v", err)
	}
}

// A network that has gone by the time is not spoken to.
func TestLaterGone(t *testing.T) {
	r := newRig(t)
	server := udpServer(t)
	to := alias(server.LocalAddr())
	r.send(alice4.UDP(4000, to, nil, 0))
	_, from, err := server.ReadFromUDPAddrPort(nil)
	must(t, err)
	ends := r.liven(func(*frame.Frame) []*frame.Frame {
		r.Ports[ut.GatewayPort] = false
		return []*frame.Frame{alice4.UDP(4001, to, []byte("late"), 0)}
	})
	_, err = server.WriteToUDPAddrPort([]byte("?"), from)
	must(t, err)
	r.Until("answered", func() bool { return ends[frame.Consumed] == 1 && !r.s.later.busy })
	if n := len(r.flows()); n != 1 {
		t.Errorf("%d connections", n)
	}
}
