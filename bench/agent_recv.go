package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// ReceiveReport is what the receiver of numbered frames says.
type ReceiveReport struct {
	// Received to Foreign are over the whole life of the receiver. Foreign
	// datagrams are too short to be numbered.
	Received   uint64 `json:"received"`
	Duplicates uint64 `json:"duplicates"`
	Reordered  uint64 `json:"reordered"`
	Foreign    uint64 `json:"foreign"`
	// InWindow frames arrived within Window, which begins after the warm-up that
	// the first frame started; CPU is what the machine spent meanwhile.
	InWindow uint64        `json:"in_window"`
	Window   time.Duration `json:"window_ns"`
	CPU      CPUTime       `json:"cpu"`
	// SocketDrops were lost at this socket: the receiver, not the road, was slow.
	SocketDrops uint64 `json:"socket_drops"`
	Buffer      int    `json:"buffer_bytes"`
}

const (
	recvBatch = 256
	// recvRest is how long the receiver lets frames gather once it has emptied the
	// socket: one wake-up serves many frames. The buffer holds far more.
	recvRest   = 200 * time.Microsecond
	recvBuffer = 16 << 20
	// msgWaitForOne is MSG_WAITFORONE (recvmmsg(2)): wait for the first datagram
	// only. Package syscall does not name it.
	msgWaitForOne = 0x10000
)

// udpRecv counts numbered frames until standard input ends. With -drop it never
// reads, so that every frame ends at a full socket: the generator's own ceiling.
func (a *agent) udpRecv(args []string) error {
	f := newFlags("udp-recv")
	warmup := f.Duration("warmup", 0, "leave so much out after the first frame")
	window := f.Duration("window", time.Second, "count frames a second over this long")
	drop := f.Bool("drop", false, "never read")
	s, err := f.open(args, syscall.SOCK_DGRAM)
	if err != nil {
		return err
	}
	defer s.close()
	rx, err := newReceiver(s, *warmup, *window, *drop)
	if err != nil {
		return err
	}
	if err := a.announce(s); err != nil {
		return err
	}
	if *drop {
		<-a.ctx.Done()
		return a.reportOf(rx.finish())
	}
	return a.reportOf(rx.run(&a.stop))
}

// receiver reads and judges numbered datagrams; it allocates nothing a frame.
type receiver struct {
	s              *sock
	conn           *ipv4.PacketConn
	msgs           []ipv4.Message
	seq            Sequence
	report         ReceiveReport
	warmup, window time.Duration
	first, opened  time.Time
	cpu            CPUTime
	closed         bool
}

func newReceiver(s *sock, warmup, window time.Duration, drop bool) (*receiver, error) {
	rx := &receiver{s: s, conn: newBatchConn(s), msgs: make([]ipv4.Message, recvBatch), warmup: warmup, window: window}
	size := recvBuffer
	if drop {
		size = 1 // the kernel rounds up to its least
	}
	var err error
	if rx.report.Buffer, err = s.setReadBuffer(size); err != nil {
		return nil, err
	}
	for i := range rx.msgs {
		rx.msgs[i].Buffers = [][]byte{make([]byte, 64)} // the number is enough
	}
	return rx, s.setTimeout(idle)
}

func (rx *receiver) run(stop stopper) (ReceiveReport, error) {
	for !stop.Load() {
		n, err := rx.conn.ReadBatch(rx.msgs, msgWaitForOne)
		if err != nil && !timedOut(err) {
			return rx.report, fmt.Errorf("receive: %w", err)
		}
		if err := rx.clock(max(n, 0)); err != nil {
			return rx.report, err
		}
		if n > 0 && n < recvBatch {
			time.Sleep(recvRest)
		}
	}
	return rx.finish()
}

// clock takes in n datagrams and opens and closes the measured window.
func (rx *receiver) clock(n int) error {
	now := time.Now()
	if rx.first.IsZero() && n > 0 {
		rx.first = now
	}
	if !rx.opened.IsZero() && !rx.closed {
		rx.report.InWindow += uint64(n)
		rx.report.Window = now.Sub(rx.opened)
	}
	rx.take(n)
	var err error
	switch {
	case rx.first.IsZero() || rx.closed:
	case rx.opened.IsZero() && now.Sub(rx.first) >= rx.warmup:
		rx.opened = now
		rx.cpu, err = ReadCPU()
	case !rx.opened.IsZero() && rx.report.Window >= rx.window:
		err = rx.closeWindow()
	}
	return err
}

func (rx *receiver) closeWindow() error {
	rx.closed = true
	cpu, err := ReadCPU()
	rx.report.CPU = cpu.Sub(rx.cpu)
	return err
}

// take judges the first n datagrams of the batch.
func (rx *receiver) take(n int) {
	for i := range n {
		m := &rx.msgs[i]
		if m.N < seqLen {
			rx.report.Foreign++
			continue
		}
		rx.seq.Add(binary.BigEndian.Uint64(m.Buffers[0]))
	}
}

// finish completes the report; a window that is still open ends here.
func (rx *receiver) finish() (ReceiveReport, error) {
	r := &rx.report
	if !rx.opened.IsZero() && !rx.closed {
		if err := rx.closeWindow(); err != nil {
			return *r, err
		}
	}
	r.Received, r.Duplicates, r.Reordered = rx.seq.Received, rx.seq.Duplicates, rx.seq.Reordered
	var err error
	r.SocketDrops, err = socketDrops(rx.s)
	return *r, err
}

// timedOut tells the end of a bounded wait from a failure.
func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
}
