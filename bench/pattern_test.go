package bench

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

func TestPatternDoesNotDependOnTheCuts(t *testing.T) {
	whole := make([]byte, 4096)
	fillPattern(whole, 42, 0)
	r := rand.New(rand.NewPCG(5, 5))
	for off := 0; off < len(whole); {
		n := min(1+r.IntN(100), len(whole)-off)
		part := make([]byte, n)
		fillPattern(part, 42, uint64(off))
		if !bytes.Equal(part, whole[off:off+n]) {
			t.Fatalf("bytes %d to %d depend on where the write begins", off, off+n)
		}
		if bad := checkPattern(part, 42, uint64(off)); bad != -1 {
			t.Fatalf("right bytes at %d refused at %d", off, bad)
		}
		off += n
	}
}

func TestPatternFindsEveryWrongByte(t *testing.T) {
	b := make([]byte, 100)
	for off := range uint64(9) {
		for i := range b {
			fillPattern(b, 1, off)
			b[i] ^= 0x40
			if got := checkPattern(b, 1, off); got != i {
				t.Fatalf("offset %d: wrong byte %d found at %d", off, i, got)
			}
		}
	}
	fillPattern(b, 1, 8)
	if checkPattern(b, 1, 0) != 0 || checkPattern(b, 2, 8) != 0 {
		t.Error("a shifted stream, or one of another seed, passes")
	}
}

func TestSinkFindsDamage(t *testing.T) {
	good := make([]byte, 1<<20+3)
	fillPattern(good, 9, 0)
	damage := map[string]struct {
		edit  func([]byte) []byte
		wrong int64
		bytes uint64
	}{
		"none":    {func(b []byte) []byte { return b }, -1, 1<<20 + 3},
		"flipped": {func(b []byte) []byte { b[777777]++; return b }, 777777, 777777},
		"lost":    {func(b []byte) []byte { return append(b[:4096], b[4097:]...) }, 4096, 4096},
		"short":   {func(b []byte) []byte { return b[:99] }, -1, 99},
	}
	for name, d := range damage {
		t.Run(name, func(t *testing.T) {
			r, err := sink(bytes.NewReader(d.edit(bytes.Clone(good))), 9, 0)
			if err != nil || r.Wrong != d.wrong || r.Bytes != d.bytes {
				t.Errorf("wrong at %d after %d bytes (%v), want %d after %d", r.Wrong, r.Bytes, err, d.wrong, d.bytes)
			}
		})
	}
}

func TestSourceAndSinkAgree(t *testing.T) {
	for _, total := range []uint64{0, 1, 8, 65537, 3 << 20} {
		rd, wr := io.Pipe()
		go func() {
			_, err := source(wr, 4, total)
			_ = wr.CloseWithError(err)
		}()
		if r, err := sink(rd, 4, 0); err != nil || r.Bytes != total || r.Wrong != -1 {
			t.Errorf("%d bytes: %+v, %v", total, r, err)
		}
	}
}

func TestSourceAndSinkFail(t *testing.T) {
	boom := errors.New("boom")
	rd, wr := io.Pipe()
	_ = rd.CloseWithError(boom)
	if _, err := source(wr, 1, 10); !errors.Is(err, boom) {
		t.Errorf("source: %v", err)
	}
	_ = wr.CloseWithError(boom)
	rd2, wr2 := io.Pipe()
	_ = wr2.CloseWithError(boom)
	if _, err := sink(rd2, 1, 0); !errors.Is(err, boom) {
		t.Errorf("sink: %v", err)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(uint64(1), uint64(5), 77, 30)
	f.Fuzz(func(t *testing.T, seed, off uint64, n, flip int) {
		if n < 1 || n > 4096 || off > 1<<62 {
			return
		}
		b := make([]byte, n)
		fillPattern(b, seed, off)
		if bad := checkPattern(b, seed, off); bad != -1 {
			t.Fatalf("refused at %d", bad)
		}
		if flip >= 0 && flip < n {
			b[flip] ^= 1
			if bad := checkPattern(b, seed, off); bad != flip {
				t.Fatalf("damage at %d found at %d", flip, bad)
			}
		}
	})
}
