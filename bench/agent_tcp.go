package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// SinkReport is what the receiver of a verified transfer says.
type SinkReport struct {
	Bytes   uint64        `json:"bytes"` // that arrived and were right
	Elapsed time.Duration `json:"elapsed_ns"`
	CPU     CPUTime       `json:"cpu"`
	// Wrong is the offset of the first wrong byte; -1 when none was.
	Wrong int64 `json:"wrong"`
}

// TransferReport is what the sender of a verified transfer says.
type TransferReport struct {
	Bytes   uint64        `json:"bytes"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// tcpSink accepts one connection and checks every byte that comes.
func (a *agent) tcpSink(args []string) error {
	f := newFlags("tcp-sink")
	seed := f.Uint64("seed", 1, "seed of the pattern")
	if err := f.parse(args, "listen"); err != nil {
		return err
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(f.listen.AddrPort))
	if err != nil {
		return err
	}
	defer l.Close()
	defer context.AfterFunc(a.ctx, func() { _ = l.Close() })()
	if err := a.out.Encode(listening{l.Addr().(*net.TCPAddr).AddrPort()}); err != nil {
		return err
	}
	c, err := l.Accept()
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(a.ctx, func() { _ = c.Close() })()
	return a.reportOf(sink(c, *seed))
}

// sink reads to the end of the stream. A wrong byte ends the check, not the
// reading: the sender shall not be stopped by a reset.
func sink(c io.Reader, seed uint64) (SinkReport, error) {
	r := SinkReport{Wrong: -1}
	cpu, err := ReadCPU()
	if err != nil {
		return r, err
	}
	start, buf := time.Now(), make([]byte, 256<<10)
	for {
		n, err := c.Read(buf)
		if r.Wrong < 0 {
			if bad := checkPattern(buf[:n], seed, r.Bytes); bad >= 0 {
				r.Wrong = int64(r.Bytes) + int64(bad)
				n = bad
			}
			r.Bytes += uint64(n)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return r, fmt.Errorf("read at offset %d: %w", r.Bytes, err)
		}
		if err != nil {
			break
		}
	}
	r.Elapsed = time.Since(start)
	now, err := ReadCPU()
	r.CPU = now.Sub(cpu)
	return r, err
}

// tcpSend sends so many bytes of the pattern, in writes of uneven lengths.
func (a *agent) tcpSend(args []string) error {
	f := newFlags("tcp-send")
	seed := f.Uint64("seed", 1, "seed of the pattern")
	total := f.Uint64("bytes", 64<<20, "how many bytes to send")
	if err := f.parse(args, "to"); err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", f.to.String(), 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(a.ctx, func() { _ = c.Close() })()
	r, err := source(c, *seed, *total)
	if err == nil {
		err = c.Close()
	}
	return a.reportOf(r, err)
}

// writeLens are the lengths of the writes, over and over: whole super-frames,
// odd tails, single segments and single bytes.
var writeLens = []int{65536, 65483, 131072, 1448, 1, 1449, 9000, 65535, 7, 262144}

func source(c io.Writer, seed, total uint64) (TransferReport, error) {
	var r TransferReport
	buf, start := make([]byte, 262144), time.Now()
	for i := 0; r.Bytes < total; i++ {
		n := min(uint64(writeLens[i%len(writeLens)]), total-r.Bytes)
		fillPattern(buf[:n], seed, r.Bytes)
		if _, err := c.Write(buf[:n]); err != nil {
			return r, fmt.Errorf("write at offset %d: %w", r.Bytes, err)
		}
		r.Bytes += n
	}
	r.Elapsed = time.Since(start)
	return r, nil
}
