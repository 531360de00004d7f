package portfwd

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// TestIntegrity sends 256 MiB, half of it each way at once, in segments of every
// size, with readers and writers that pause, and compares what came by its digest.
func TestIntegrity(t *testing.T) {
	r := newRig(t, SpliceConfig{Threads: 2})
	l := r.listen(t, "10.1.0.2:80")
	const streams, each = 4, 32 << 20
	var wg sync.WaitGroup
	for i := range uint64(streams) {
		client, server := r.pair(t, l)
		must(t, client.SetDeadline(time.Time{}))
		must(t, server.SetDeadline(time.Time{}))
		wg.Go(func() { compare(t, fmt.Sprintf("stream %d, in", i), client, server, each, 2*i) })
		wg.Go(func() { compare(t, fmt.Sprintf("stream %d, out", i), server, client, each, 2*i+1) })
	}
	wg.Wait()
	r.settled(t, 0)
	if got := r.splicer.Counts(); got.BytesIn != streams*each || got.BytesOut != streams*each || got.Resets != 0 {
		t.Errorf("%+v", got)
	}
}

// compare sends n bytes one way, and reads them.
func compare(t testing.TB, name string, from, to *net.TCPConn, n int, seed uint64) {
	digest := make(chan []byte, 1)
	go func() {
		h := sha256.New()
		if err := send(from, h, n, rand.New(rand.NewPCG(seed, 1))); err != nil {
			t.Errorf("%s: send: %v", name, err)
		}
		digest <- h.Sum(nil)
	}()
	h := sha256.New()
	got, err := receive(to, h, rand.New(rand.NewPCG(seed, 2)))
	if want := <-digest; err != nil || got != n || string(want) != string(h.Sum(nil)) {
		t.Errorf("%s: %d of %d bytes, %v; digest %x, want %x", name, got, n, err, h.Sum(nil), want)
	}
}

// send writes n bytes of noise in pieces of 1 byte to 256 KiB, and the end.
func send(c *net.TCPConn, h hash.Hash, n int, r *rand.Rand) error {
	noise := make([]byte, 512<<10)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for n > 0 {
		size := min(n, 1+r.IntN(1<<r.IntN(19)))
		at := r.IntN(len(noise) - size)
		piece := noise[at : at+size]
		h.Write(piece)
		if _, err := c.Write(piece); err != nil {
			return err
		}
		n -= size
		stall(r)
	}
	return c.CloseWrite()
}

// receive reads to the end, in pieces of every size.
func receive(c *net.TCPConn, h hash.Hash, r *rand.Rand) (n int, err error) {
	buf := make([]byte, 256<<10)
	for {
		m, err := c.Read(buf[:1+r.IntN(len(buf))])
		h.Write(buf[:m])
		n += m
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		stall(r)
	}
}

// stall pauses now and then.
func stall(r *rand.Rand) {
	if r.IntN(64) == 0 {
		time.Sleep(time.Duration(r.IntN(4)) * time.Millisecond)
	}
}
