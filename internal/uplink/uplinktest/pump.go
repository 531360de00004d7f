package uplinktest

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Device is where a Pump's frames come from; a tap.Device is one.
type Device interface {
	FD() int
	Read(b *frame.Batch, l *frame.Ledger) (dry bool, err error)
	Write(run []*frame.Frame, l *frame.Ledger)
}

// deviceKey is the device's in the epoll set, where keys of a shard are not negative.
const deviceKey = -1

// spin is how long a pump looks for more before it sleeps, as the engine.
const spin = 50 * time.Microsecond

// Pump is the worker with a real container behind a device, in real time: its frames
// are given to the shard, and what the shard enters is written to it.
type Pump struct {
	*Worker
	dev     Device
	batch   *frame.Batch
	run     []*frame.Frame
	out     [1]*frame.Frame
	started time.Time
	base    int64
	// Lose drops a frame that enters if it returns true.
	Lose func(b []byte) bool
	// Runs, Frames and Bytes count what came from the container, Out what entered.
	Runs, Frames, Bytes, Out uint64
}

// NewPump connects a worker with a device, which the test closes after Stop.
func NewPump(w *Worker, d Device) *Pump {
	slab, err := frame.NewSlab(slots)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { slab.Close() })
	p := &Pump{Worker: w, dev: d, batch: frame.NewBatch(slab), started: time.Now(), base: w.Clock}
	p.out[0] = &frame.Frame{}
	w.Clean = true
	w.OnEnter = p.write
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: deviceKey}
	if err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, d.FD(), &ev); err != nil {
		w.T.Fatal(err)
	}
	return p
}

// Start carries frames on a thread of its own until stop is called, which waits for
// its end. The worker is the pump's meanwhile.
func (p *Pump) Start() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case <-quit:
				return
			default:
				p.once()
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// once waits for something and does it.
func (p *Pump) once() {
	p.tell()
	n := p.wait()
	p.tell()
	for _, ev := range p.events[:n] {
		if ev.Fd == deviceKey {
			p.read()
		} else {
			p.Outside(func() { p.Shard.Ready(p.Worker, ev.Fd, ev.Events) })
		}
	}
	if p.again {
		p.again = false
		p.Outside(func() { p.again = p.Shard.Resume(p.Worker) })
	}
	if when, ok := p.Shard.Next(); ok && when <= p.Clock {
		p.Outside(func() { p.Shard.Expire(p.Worker) })
	}
}

func (p *Pump) tell() { p.Clock = p.base + int64(time.Since(p.started)) }

// wait looks on for a while and then sleeps, for ten milliseconds at most.
func (p *Pump) wait() int {
	for begin := time.Now(); ; {
		if n := p.look(); n > 0 || p.again {
			return n
		}
		if time.Since(begin) > spin {
			break
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
	n, err := unix.EpollWait(p.ep, p.events[:], 10)
	if err != nil && err != unix.EINTR {
		p.T.Error(err)
	}
	return max(n, 0)
}

// read gives the shard what the device has, a few batches of it.
func (p *Pump) read() {
	for range 8 {
		dry, err := p.dev.Read(p.batch, &p.ledger)
		if err != nil {
			return
		}
		p.run = p.run[:0]
		for i := range p.batch.Live() {
			f := &p.batch.Frames[i]
			if p.ours(f) {
				p.run = append(p.run, f)
				p.Bytes += uint64(f.Len)
			}
		}
		if len(p.run) > 0 {
			p.Runs++
			p.Frames += uint64(len(p.run))
			p.Run(p.run...)
		}
		if dry {
			return
		}
	}
}

// ours reports whether a gateway would give the frame to its way out.
func (p *Pump) ours(f *frame.Frame) bool {
	if f.Parse() != frame.Accepted || f.Dst != GatewayMAC || f.L4 == 0 {
		return false
	}
	switch f.Proto {
	case frame.ProtoTCP, frame.ProtoUDP, frame.ProtoICMP:
		return true
	case frame.ProtoICMPv6:
		t := frame.ICMPv6(L4(f)).Type()
		return t == frame.ICMPv6EchoRequest
	}
	return false
}

func (p *Pump) write(_ frame.PortID, b []byte) {
	p.Out++
	if p.Lose != nil && p.Lose(b) {
		return
	}
	f := p.out[0]
	f.Buf, f.Off, f.Len = b, frame.VnetLen, len(b)-frame.VnetLen
	p.dev.Write(p.out[:], &p.ledger)
}
