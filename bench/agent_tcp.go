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

// tcpSink takes one connection and checks every byte that comes.
func (a *agent) tcpSink(args []string) error {
	f := newFlags("tcp-sink")
	seed := f.Uint64("seed", 1, "seed of the pattern")
	total := f.Uint64("ask", 0, "ask for so many bytes by one of its own; 0 reads to the end")
	if err := f.parse(args); err != nil {
		return err
	}
	c, err := a.connection(f)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(a.ctx, func() { _ = c.Close() })()
	if *total > 0 {
		if _, err := c.Write([]byte{0}); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
	}
	return a.reportOf(sink(c, *seed, *total))
}

// connection calls the peer, or waits to be called by one.
func (a *agent) connection(f *flags) (net.Conn, error) {
	switch {
	case f.to.IsValid():
		return net.DialTimeout("tcp", f.to.String(), 5*time.Second)
	case !f.listen.IsValid():
		return nil, fmt.Errorf("%w: neither -to nor -listen is given", errUsage)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(f.listen.AddrPort))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	defer context.AfterFunc(a.ctx, func() { _ = l.Close() })()
	if err := a.out.Encode(listening{l.Addr().(*net.TCPAddr).AddrPort()}); err != nil {
		return nil, err
	}
	c, err := l.Accept()
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return c, nil
}

// sink reads to the end of the stream, or until it has enough bytes. A wrong byte
// ends the check, not the reading: the sender shall not be stopped by a reset.
func sink(c io.Reader, seed, enough uint64) (SinkReport, error) {
	r := SinkReport{Wrong: -1}
	cpu, err := ReadCPU()
	if err != nil {
		return r, err
	}
	var all uint64
	start, buf := time.Now(), make([]byte, 256<<10)
	for {
		n, err := c.Read(buf)
		all += uint64(n)
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
		if err != nil || enough > 0 && all >= enough {
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
	asked := f.Bool("asked", false, "wait for a byte before, and after for the receiver to close the connection")
	if err := f.parse(args); err != nil {
		return err
	}
	c, err := a.connection(f)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(a.ctx, func() { _ = c.Close() })()
	if *asked {
		if _, err := c.Read([]byte{0}); err != nil {
			return fmt.Errorf("wait to be asked: %w", err)
		}
	}
	r, err := source(c, *seed, *total)
	if err == nil && *asked {
		_, err = io.Copy(io.Discard, c)
	}
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
