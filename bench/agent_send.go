package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// Frame sizes are those of Ethernet as RFC 2544 section 9.1 counts them: from
// the destination address to the frame check sequence, which a virtual device
// does not carry. A "64 byte frame" thus has 18 bytes of UDP payload over IPv4.
const (
	fcsLen    = 4
	headers4  = 14 + 20 + 8
	headers6  = 14 + 40 + 8
	seqLen    = 8 // what every payload begins with: its number, big endian
	sendBatch = 64
)

// payloadLen returns the UDP payload of an Ethernet frame of the given size.
func payloadLen(frame int, a netip.Addr) (int, error) {
	n := frame - fcsLen - headers6
	if a.Is4() {
		n = frame - fcsLen - headers4
	}
	if n < seqLen {
		return 0, fmt.Errorf("%w: a frame of %d bytes to %v has no room for a sequence number", errUsage, frame, a)
	}
	return n, nil
}

// SendReport is what the sender of numbered frames says.
type SendReport struct {
	Sent    uint64        `json:"sent"`
	Refused uint64        `json:"refused"` // by the own kernel, counted and sent again
	Elapsed time.Duration `json:"elapsed_ns"`
}

// udpSend sends numbered frames to one address for a time, as fast as it can or
// at a rate.
func (a *agent) udpSend(args []string) error {
	f := newFlags("udp-send")
	size := f.Int("frame", 64, "Ethernet frame size with FCS, bytes")
	length := f.Duration("for", time.Second, "how long to send")
	rate := f.Float64("rate", 0, "frames a second; 0 is without limit")
	count := f.Uint64("count", 0, "stop after so many frames; 0 is without limit")
	if err := f.parse(args, "to"); err != nil {
		return err
	}
	payload, err := payloadLen(*size, f.to.Addr())
	if err != nil {
		return err
	}
	s, err := dialSock(syscall.SOCK_DGRAM, f.to.AddrPort)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setTimeout(idle); err != nil {
		return err
	}
	tx := newSender(s, payload)
	return a.reportOf(tx.run(&a.stop, pace{rate: *rate, length: *length, count: *count}))
}

// reportOf prints a command's report unless the command failed.
func (a *agent) reportOf(report any, err error) error {
	if err != nil {
		return err
	}
	return a.out.Encode(report)
}

// pace says how fast and how long frames are sent.
type pace struct {
	rate   float64 // frames a second, 0 without limit
	length time.Duration
	count  uint64 // 0 without limit
}

// batch returns how many frames one system call carries: few enough at a low
// rate that frames keep their distance within a millisecond.
func (p pace) batch() int {
	if p.rate <= 0 {
		return sendBatch
	}
	return min(max(int(p.rate/1000), 1), sendBatch)
}

// wait sleeps until frame number n is due.
func (p pace) wait(start time.Time, n uint64) {
	if p.rate <= 0 {
		return
	}
	due := start.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	if d := time.Until(due); d > 0 {
		time.Sleep(d)
	}
}

// sender numbers and sends datagrams; it allocates nothing after newSender.
type sender struct {
	conn *ipv4.PacketConn
	msgs []ipv4.Message
	next uint64
}

func newSender(s *sock, payload int) *sender {
	tx := &sender{conn: newBatchConn(s), msgs: make([]ipv4.Message, sendBatch)}
	for i := range tx.msgs {
		tx.msgs[i].Buffers = [][]byte{make([]byte, payload)}
	}
	return tx
}

// stopper is the part of atomic.Bool that loops look at.
type stopper interface{ Load() bool }

func (tx *sender) run(stop stopper, p pace) (SendReport, error) {
	var r SendReport
	start, n := time.Now(), p.batch()
	for r.Elapsed = 0; r.Elapsed < p.length && !stop.Load(); r.Elapsed = time.Since(start) {
		if p.count > 0 {
			if n = int(min(uint64(n), p.count-tx.next)); n == 0 {
				break
			}
		}
		p.wait(start, tx.next)
		sent, err := tx.send(n)
		if err != nil && !transient(err) {
			return r, fmt.Errorf("send frame %d: %w", tx.next, err)
		}
		if err != nil {
			r.Refused++
		}
		tx.next += uint64(sent)
	}
	r.Sent = tx.next
	return r, nil
}

// send offers up to n frames to the kernel and returns how many it took.
func (tx *sender) send(n int) (int, error) {
	for i := range n {
		binary.BigEndian.PutUint64(tx.msgs[i].Buffers[0], tx.next+uint64(i))
	}
	sent, err := tx.conn.WriteBatch(tx.msgs[:n], 0)
	return max(sent, 0), err
}

// transient tells errors after which sending goes on: a full queue, a time-out,
// a signal, and the echo of an ICMP message from a receiver that has gone.
func transient(err error) bool {
	for _, e := range []error{syscall.ENOBUFS, syscall.EAGAIN, syscall.EINTR, syscall.ECONNREFUSED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return timedOut(err)
}
