package engine

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/tap"
	"vswitch/internal/tap/taptest"
	vswitch "vswitch/switch"
)

func TestConfigErrors(t *testing.T) {
	if _, err := New(Config{IO: Epoll}); err == nil {
		t.Error("an engine without a forwarder")
	}
	_, err := New(Config{Forwarder: consumer{}, IO: "kqueue"})
	if err == nil || !strings.Contains(err.Error(), `"kqueue"`) {
		t.Errorf("unknown loop: %v", err)
	}
}

func TestWorkersFor(t *testing.T) {
	for cores, want := range map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 8: 4, 16: 8, 64: 8} {
		if got := WorkersFor(cores); got != want {
			t.Errorf("%d cores: %d workers, want %d", cores, got, want)
		}
	}
}

func TestAttachErrors(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a := r.plug(vswitch.PortConfig{})
		dev, err := taptest.New(1500)
		must(t, err)
		defer dev.Close()
		if err := r.e.Attach(a.id, dev); err == nil {
			t.Error("a number was given twice")
		}
		if err := r.e.Attach(frame.NoPort, dev); err == nil {
			t.Error("NoPort was attached")
		}
		if _, err := r.e.Detach(9); err == nil {
			t.Error("a port that is not there was detached")
		}
		if err := r.e.Attach(5, tap.NewQueue(1<<20, 1500)); err == nil {
			t.Error("a descriptor that is not open was attached")
		}
		if _, ok := r.e.PortTotals(5); ok {
			t.Error("a port that could not be attached is there")
		}
		must(t, r.e.Close())
		must(t, r.e.Close())
		if err := r.e.Attach(6, dev); !errors.Is(err, ErrClosed) {
			t.Errorf("attach after Close: %v", err)
		}
		if _, err := r.e.Detach(a.id); !errors.Is(err, ErrClosed) {
			t.Errorf("detach after Close: %v", err)
		}
	})
}

// TestPortsAreSpread: each new port goes to the worker with the fewest.
func TestPortsAreSpread(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Workers = 3 })
		var all []*station
		for range 7 {
			all = append(all, r.plug(vswitch.PortConfig{}))
		}
		all[0].unplug()
		all[3].unplug()
		r.plug(vswitch.PortConfig{})
		for i, s := range r.e.Stats() {
			if s.Ports != 2 {
				t.Errorf("worker %d reads %d ports, want 2", i, s.Ports)
			}
		}
		if r.e.Workers() != 3 {
			t.Errorf("%d workers", r.e.Workers())
		}
	})
}

// TestTotalsKeepDetachedPorts: what a port did is not forgotten with it.
func TestTotalsKeepDetachedPorts(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		a.hello(b)
		before := r.rest(1)
		last := b.unplug()
		if last.TxFrames != 1 || last.RxFrames != 0 {
			t.Errorf("last counts of b: %+v", last)
		}
		if r.e.Totals() != before {
			t.Errorf("totals were %+v and are %+v", before, r.e.Totals())
		}
		if _, ok := r.e.PortTotals(b.id); ok {
			t.Error("b still has counts")
		}
	})
}

// TestDeadPort: a device that goes is reported once, with its cause, costs no time
// after that, and can be detached; the others go on.
func TestDeadPort(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b, dead := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		dead.hello(a, b)
		must(t, dead.Unplug())
		f := <-r.failed
		if f.id != dead.id || !errors.Is(f.err, tap.ErrGone) {
			t.Errorf("port %d: %v", f.id, f.err)
		}
		asleep(t, r.e)
		must(t, a.Send(eth(dead.mac, a.mac, nil)))
		must(t, a.Send(eth(frame.Broadcast, a.mac, numbered(3, 60))))
		if number(b.recv()) != 3 {
			t.Error("the others do not go on")
		}
		ended(t, r.rest(3), map[frame.Reason]uint64{frame.DropPortGone: 2})
		must(t, r.sw.RemovePort(dead.id))
		_, err := r.e.Detach(dead.id)
		must(t, err)
		select {
		case f := <-r.failed:
			t.Errorf("reported again: %v", f)
		default:
		}
	})
}

// TestDetachWaitsForTheReport: when Detach has returned nobody speaks of the port
// any more, so that its number can be used again.
func TestDetachWaitsForTheReport(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		var mu sync.Mutex
		reported := 0
		entered, leave := make(chan struct{}), make(chan struct{})
		r := newRig(t, io, func(c *Config) {
			c.OnPortError = func(frame.PortID, error) {
				close(entered)
				<-leave
				mu.Lock()
				defer mu.Unlock()
				reported++
			}
		})
		a := r.plug(vswitch.PortConfig{})
		must(t, a.Unplug())
		<-entered
		r.e.Totals() // the call may ask the engine for what it likes
		detached := make(chan error)
		go func() {
			_, err := r.e.Detach(a.id)
			mu.Lock()
			defer mu.Unlock()
			if reported != 1 {
				err = errors.Join(err, errors.New("detached before the report was done"))
			}
			detached <- err
		}()
		eventually(t, "the number to be free", func() bool {
			_, ok := r.e.PortTotals(a.id)
			return !ok
		})
		close(leave)
		must(t, <-detached)
	})
}

// TestNothingIsLeft: engines come and go and leave nothing.
func TestNothingIsLeft(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		left := nothingLeft(t)
		const rounds = 20
		for range rounds {
			e, err := New(Config{Forwarder: consumer{}, IO: io, Workers: 2})
			must(t, err)
			dev, err := taptest.New(1500)
			must(t, err)
			must(t, e.Attach(0, dev))
			must(t, e.Close())
			must(t, dev.Close())
		}
		left(rounds)
	})
}

// TestTwoSwitches: two engines with a switch each, wired to each other by a pair
// of fake devices, are one network.
func TestTwoSwitches(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		left, right := newRig(t, io, nil), newRig(t, io, nil)
		a, b := left.plug(vswitch.PortConfig{}), right.plug(vswitch.PortConfig{})
		upL, upR := left.plug(vswitch.PortConfig{}), right.plug(vswitch.PortConfig{})
		var wires sync.WaitGroup
		connect(&wires, upL, upR)
		connect(&wires, upR, upL)
		b.mac = 0x020000000200 // stations of both number from the same address

		must(t, a.Send(eth(frame.Broadcast, a.mac, numbered(1, 60))))
		if number(b.recv()) != 1 {
			t.Error("a broadcast does not cross")
		}
		vnet, want := super(a.mac, b.mac, 30000, 1400)
		must(t, b.SendVnet(vnet, want))
		if got := a.recv(); len(got) != len(want) {
			t.Errorf("a super-frame of %d bytes crossed as %d", len(want), len(got))
		}
		id, ok := stationPort(left.sw, b.mac)
		if !ok || id != upL.id {
			t.Errorf("the left switch thinks b is behind port %d, %v", id, ok)
		}
		left.rest(2)
		right.rest(2)
		must(t, upL.Unplug())
		must(t, upR.Unplug())
		wires.Wait()
	})
}

// connect carries what comes out at from in at to, until one of them goes.
func connect(wg *sync.WaitGroup, from, to *station) {
	wg.Go(func() {
		for {
			vnet, b, err := from.Recv(patience)
			if err == nil {
				err = to.SendVnet(vnet, b)
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	})
}

func stationPort(sw *vswitch.Switch, mac frame.MAC) (frame.PortID, bool) {
	for _, e := range sw.FDB(0) {
		if e.MAC == mac {
			return e.Port, true
		}
	}
	return frame.NoPort, false
}
