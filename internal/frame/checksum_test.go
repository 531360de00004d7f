package frame

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// naive is the definition: words added one by one, odd byte padded, carry folded.
func naive(b []byte, initial uint32) uint16 {
	sum := uint64(initial)
	for len(b) >= 2 {
		sum += uint64(b[0])<<8 | uint64(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestChecksumAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	buf := randomBytes(r, 2048)
	for n := range 600 {
		for off := range 9 {
			b, initial := buf[off:off+n], r.Uint32()
			if got, want := Checksum(b, initial), naive(b, initial); got != want {
				t.Fatalf("%d bytes at %d on %#x: %#x, want %#x", n, off, initial, got, want)
			}
		}
	}
}

// All ones and all zeros are where carries go wrong.
func TestChecksumExtremes(t *testing.T) {
	for _, fill := range []byte{0, 0xff, 0xfe} {
		for _, n := range []int{0, 1, 7, 8, 63, 64, 65, 128, 65535} {
			b := make([]byte, n)
			for i := range b {
				b[i] = fill
			}
			for _, initial := range []uint32{0, 1, 0xffff, 0x10000, 0xffffffff} {
				if got, want := Checksum(b, initial), naive(b, initial); got != want {
					t.Errorf("%d of %#x on %#x: %#x, want %#x", n, fill, initial, got, want)
				}
			}
		}
	}
}

// The worked example of RFC 1071, section 3.
func TestChecksumRFC1071(t *testing.T) {
	if s := Checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0); s != 0xddf2 {
		t.Errorf("%#x", s)
	}
}

func TestCombine(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := randomBytes(r, 301)
	whole := Checksum(b, 0)
	for at := range len(b) + 1 {
		x, y := Checksum(b[:at], 0), Checksum(b[at:], 0)
		if got := CombineAt(x, y, at); got != whole {
			t.Fatalf("cut at %d: %#x, want %#x", at, got, whole)
		}
		if at%2 == 0 && Combine(x, y) != whole {
			t.Fatalf("cut at %d: Combine", at)
		}
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte("odd"), uint32(0), uint16(1))
	f.Add(make([]byte, 64), uint32(0xffffffff), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, initial uint32, cut uint16) {
		want := naive(b, initial)
		if got := Checksum(b, initial); got != want {
			t.Errorf("%#x, want %#x", got, want)
		}
		at := int(cut) % (len(b) + 1)
		if got := CombineAt(Checksum(b[:at], initial), Checksum(b[at:], 0), at); got != want {
			t.Errorf("cut at %d: %#x, want %#x", at, got, want)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 64, 1460, 65535} {
		buf := make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Checksum(buf, 0)
			}
		})
	}
}

// The worked example of RFC 1624, section 4: the result is 0, not 0xffff.
func TestUpdateRFC1624(t *testing.T) {
	if c := Update16(0xdd2f, 0x5555, 0x3285); c != 0x0000 {
		t.Errorf("%#x", c)
	}
}

// FuzzChecksumUpdate holds incremental updates to a sum over everything, in both
// senses of the field.
func FuzzChecksumUpdate(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint8(3), []byte("ABCDEFGHIJKLMNOP"))
	f.Add(make([]byte, 40), uint8(0), make([]byte, 16))
	f.Add([]byte{39: 1}, uint8(1), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte, at uint8, new []byte) {
		if len(data) < 32 || len(new) < 16 {
			return
		}
		off := int(at) * 2 % (len(data) - 16) &^ 1
		for _, n := range []int{2, 4, 16} {
			wantUpdate(t, data, off, new[:n])
		}
	})
}

func wantUpdate(t *testing.T, data []byte, off int, new []byte) {
	t.Helper()
	after := append([]byte(nil), data...)
	copy(after[off:], new)
	before, want := naive(data, 0), naive(after, 0)
	old := data[off : off+len(new)]
	adjusted, updated := update(before, old, new)
	if updated != ^adjusted {
		t.Errorf("Update %#x, Adjust %#x", updated, adjusted)
	}
	// 0 and 0xffff are both zero in one's complement; only all-zero data sums to 0.
	if adjusted != want && (want != 0 || adjusted != 0xffff) {
		t.Errorf("%d bytes at %d: %#x, want %#x", len(new), off, adjusted, want)
	}
}

// update applies the functions for the width of old and new to a sum.
func update(sum uint16, old, new []byte) (adjusted, updated uint16) {
	switch u := binary.BigEndian; len(old) {
	case 2:
		o, n := u.Uint16(old), u.Uint16(new)
		return Adjust16(sum, o, n), Update16(^sum, o, n)
	case 4:
		o, n := u.Uint32(old), u.Uint32(new)
		return Adjust32(sum, o, n), Update32(^sum, o, n)
	}
	o, n := [16]byte(old), [16]byte(new)
	return Adjust128(sum, o, n), Update128(^sum, o, n)
}

func TestUpdateProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		data := randomBytes(r, 40)
		for _, n := range []int{2, 4, 16} {
			wantUpdate(t, data, 2*r.IntN(12), randomBytes(r, n))
		}
		// There and back again.
		c, o, n := uint16(r.Uint32()), r.Uint32(), r.Uint32()
		if back := Update32(Update32(c, o, n), n, o); back != c && c != 0xffff {
			t.Fatalf("%#x %#x %#x came back as %#x", c, o, n, back)
		}
	}
}
