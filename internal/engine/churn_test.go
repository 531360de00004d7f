package engine

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/tap/taptest"
	vswitch "vswitch/switch"
)

// flow sends frames from a to b in windows and checks that each arrives, in order,
// until stop is closed; it returns how many.
func flow(t *testing.T, a, b *station, stop <-chan struct{}) (n uint32) {
	const window = 30
	for {
		for k := range uint32(window) {
			if err := a.Send(eth(b.mac, a.mac, numbered(n+k, 60))); err != nil {
				t.Error("send:", err)
				return n
			}
		}
		for range window {
			_, got, err := b.Recv(patience)
			if err != nil || number(got) != n {
				t.Errorf("frame %d: %v", n, err)
				return n
			}
			n++
		}
		select {
		case <-stop:
			return n
		default:
		}
	}
}

// flood sends frames for a station that may not be there, until its device is
// closed.
func (s *station) flood(wg *sync.WaitGroup, to frame.MAC) {
	wg.Go(func() {
		b := eth(to, s.mac, numbered(0, 200))
		for s.Send(b) == nil {
		}
	})
}

// TestUnplugUnderLoad: ports come and go in the middle of traffic to and from
// them. A pair beside them loses nothing, the ledger balances, nothing is left.
func TestUnplugUnderLoad(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		for _, workers := range []int{1, 3} {
			unplugUnderLoad(t, io, workers)
		}
	})
}

func unplugUnderLoad(t *testing.T, io string, workers int) {
	r := newRig(t, io, func(c *Config) { c.Workers = workers })
	a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
	must(t, r.sw.AddStatic(a.mac, 1, a.id))
	must(t, r.sw.AddStatic(b.mac, 1, b.id))
	left := nothingLeft(t)
	stop := make(chan struct{})
	sent := make(chan uint32, 1)
	go func() { sent <- flow(t, a, b, stop) }()
	rounds := 15
	if testing.Short() {
		rounds = 5
	}
	var others sync.WaitGroup
	for range rounds {
		c := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 2}})
		d := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 2}})
		c.flood(&others, frame.Broadcast)
		d.flood(&others, c.mac)
		c.drain(&others, nil)
		eventually(t, "traffic to the port that is to go", func() bool {
			p, _ := r.e.PortTotals(c.id)
			return p.RxFrames > 50 && p.TxFrames > 50
		})
		c.unplug()
		d.unplug()
		others.Wait()
	}
	close(stop)
	n := <-sent
	var totals frame.Totals
	eventually(t, "a balance", func() bool { totals = r.e.Totals(); return totals.Balanced() })
	p, _ := r.e.PortTotals(b.id)
	if p.TxFrames != uint64(n) || p.Dropped() != 0 {
		t.Errorf("%d frames sent to b, %d written, drops %v", n, p.TxFrames, p.Ends)
	}
	left(rounds)
}

// TestNumbersAreUsedAgain: a port that takes over number and descriptor of one
// that has just gone gets nothing that was meant for it.
func TestNumbersAreUsedAgain(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Workers = 2 })
		sender := r.plug(vswitch.PortConfig{})
		for round := range byte(50) {
			old := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 1}})
			fd := old.FD()
			for range 20 {
				must(t, sender.Send(eth(frame.Broadcast, sender.mac, bytes.Repeat([]byte{round}, 60))))
			}
			old.unplug()
			next := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 3}})
			if next.id != old.id || next.FD() != fd {
				t.Fatalf("port %d, descriptor %d; want %d and %d again", next.id, next.FD(), old.id, fd)
			}
			// A round through the engine: all that was under way has arrived by now.
			probe := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 3}})
			want := eth(frame.Broadcast, probe.mac, []byte("probe"))
			must(t, probe.Send(want))
			if got := next.recv(); !bytes.Equal(got, want) {
				t.Fatalf("round %d: a frame for another port: %x", round, got)
			}
			next.silent()
			next.unplug()
			probe.unplug()
		}
	})
}

// TestChurn attaches and detaches on several workers at once, under traffic in all
// directions.
func TestChurn(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Workers = 4 })
		left := nothingLeft(t)
		const crews, rounds = 4, 15
		var wg sync.WaitGroup
		var rx atomic.Uint64
		for range crews {
			wg.Go(func() {
				var traffic sync.WaitGroup
				for range rounds {
					s := r.plug(vswitch.PortConfig{})
					s.flood(&traffic, frame.Broadcast)
					s.drain(&traffic, nil)
					eventually(t, "traffic", func() bool {
						p, _ := r.e.PortTotals(s.id)
						return p.RxFrames > 20
					})
					totals := s.unplug()
					rx.Add(totals.RxFrames)
				}
				traffic.Wait()
			})
		}
		wg.Wait()
		if totals := r.rest(rx.Load()); totals.RxFrames == 0 {
			t.Error("nothing was read")
		}
		left(crews * rounds)
	})
}

// TestCloseUnderLoad: the engine may end at any time. What it read is accounted
// for, it reads nothing any more, and descriptors are as they were given.
func TestCloseUnderLoad(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		left := nothingLeft(t)
		for range 5 {
			closeUnderLoad(t, io)
		}
		left(5)
	})
}

func closeUnderLoad(t *testing.T, io string) {
	r := newRig(t, io, func(c *Config) { c.Workers = 2 })
	var wg sync.WaitGroup
	var all []*station
	for range 4 {
		s := r.plug(vswitch.PortConfig{})
		all = append(all, s)
		s.flood(&wg, frame.Broadcast)
		s.drain(&wg, nil)
	}
	for _, s := range all {
		eventually(t, "traffic", func() bool {
			p, _ := r.e.PortTotals(s.id)
			return p.RxFrames > 100
		})
	}
	must(t, r.e.Close())
	totals := r.e.Totals()
	if !totals.Balanced() || totals.CopiedBytes != 0 {
		t.Errorf("no balance after Close: %+v", totals)
	}
	for _, s := range all {
		if flags, err := unix.FcntlInt(uintptr(s.FD()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("descriptor of port %d after Close: flags %x, %v", s.id, flags, err)
		}
		if p, ok := r.e.PortTotals(s.id); !ok || p.RxFrames == 0 {
			t.Errorf("port %d has no counts after Close", s.id)
		}
	}
	for _, s := range all {
		must(t, s.Close())
	}
	wg.Wait()
	if r.e.Totals() != totals {
		t.Error("the engine went on after Close")
	}
}

// TestCloseLeavesFramesAlone: what arrives after Close stays in the port's queue
// for whoever reads next.
func TestCloseLeavesFramesAlone(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		dev, err := taptest.New(1500)
		must(t, err)
		defer dev.Close()
		for range 20 {
			e, err := New(Config{Forwarder: consumer{}, IO: io, Workers: 1})
			must(t, err)
			must(t, e.Attach(0, dev))
			must(t, e.Close())
			want := eth(frame.Broadcast, 0x020000000001, []byte("after the end"))
			must(t, dev.Send(want))
			got := make([]byte, 100)
			n, err := unix.Read(dev.FD(), got)
			if err != nil || !bytes.Equal(got[frame.VnetLen:n], want) {
				t.Fatalf("read %d bytes, %v", n, err)
			}
		}
	})
}
