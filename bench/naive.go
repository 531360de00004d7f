package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
)

// OpenTAP makes a TAP device of the name in the namespace, up and with the
// addresses, without a virtio-net header and without offloads: one Ethernet
// frame a Read and a Write. Close must end a Read that waits.
type OpenTAP func(ns *netnsx.NS, name string, mac frame.MAC, addrs ...netip.Prefix) (io.ReadWriteCloser, error)

// Naive is the floor: what everybody writes first. A goroutine a port reads a
// frame, looks the destination up in a Go map behind a lock, and writes the
// frame. It is correct, and nothing about it is fast.
type Naive struct {
	name string
	open OpenTAP
	cells
	loop *naiveLoop
}

// NewNaive returns a runner with the name over devices from open.
func NewNaive(name string, open OpenTAP) *Naive { return &Naive{name: name, open: open} }

// Name implements Runner.
func (n *Naive) Name() string { return n.name }

// Start implements Runner.
func (n *Naive) Start(context.Context) ([]Station, error) {
	err := n.add(2)
	if err == nil {
		err = n.plug()
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n.stations(), nil
}

func (n *Naive) plug() error {
	var ports []io.ReadWriteCloser
	for i, c := range n.cells {
		p, err := n.open(c.ns, stationLink, naiveMAC+frame.MAC(i), c.prefixes()...)
		if err != nil {
			for _, p := range ports {
				_ = p.Close()
			}
			return fmt.Errorf("open a plain TAP for %s: %w", c.station.Name, err)
		}
		ports = append(ports, p)
	}
	n.loop = startNaive(ports)
	return nil
}

// naiveMAC is the first station's address; it is a locally administered one.
const naiveMAC frame.MAC = 0x0203cb000001

// Counters implements Runner.
func (n *Naive) Counters() (Counters, error) {
	l := n.loop
	return Counters{
		Source: "read from the loop's TAPs",
		Frames: l.frames.Load(), Bytes: l.bytes.Load(), Drops: l.drops.Load(),
	}, nil
}

// Close implements Runner.
func (n *Naive) Close() error {
	var err error
	if n.loop != nil {
		err = n.loop.close()
		n.loop = nil
	}
	return errors.Join(err, n.cells.close())
}

// naiveLoop forwards between ports until close.
type naiveLoop struct {
	ports                []io.ReadWriteCloser
	mu                   sync.RWMutex
	macs                 map[[6]byte]int
	frames, bytes, drops atomic.Uint64
	done                 sync.WaitGroup
}

// startNaive takes the ports over and starts a goroutine for each.
func startNaive(ports []io.ReadWriteCloser) *naiveLoop {
	l := &naiveLoop{ports: ports, macs: map[[6]byte]int{}}
	for i := range ports {
		l.done.Go(func() { l.serve(i) })
	}
	return l
}

// serve reads one port until it is closed.
func (l *naiveLoop) serve(in int) {
	buf := make([]byte, 65536)
	for {
		n, err := l.ports[in].Read(buf)
		if err != nil {
			return
		}
		l.frames.Add(1)
		l.bytes.Add(uint64(n))
		if n < 14 {
			l.drops.Add(1)
			continue
		}
		l.forward(in, buf[:n])
	}
}

func (l *naiveLoop) forward(in int, frame []byte) {
	dst, src := [6]byte(frame[0:6]), [6]byte(frame[6:12])
	l.mu.RLock()
	out, known := l.macs[dst]
	from, learned := l.macs[src]
	l.mu.RUnlock()
	if !learned || from != in {
		l.mu.Lock()
		l.macs[src] = in
		l.mu.Unlock()
	}
	for i, p := range l.ports {
		if i == in || known && i != out {
			continue
		}
		if _, err := p.Write(frame); err != nil {
			l.drops.Add(1)
		}
	}
}

// close closes the ports and waits for the goroutines.
func (l *naiveLoop) close() error {
	var err error
	for _, p := range l.ports {
		err = errors.Join(err, p.Close())
	}
	l.done.Wait()
	return err
}
