package fragment

import (
	"bytes"
	"testing"
)

// step is a fragment of n bytes, and what it is to be.
type step struct {
	at, n int
	more  bool
	want  Outcome
}

func TestAdd(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		whole int
	}{
		"in order":             {[]step{{0, 16, true, Fresh}, {16, 5, false, Fresh}}, 21},
		"the last first":       {[]step{{16, 5, false, Fresh}, {0, 16, true, Fresh}}, 21},
		"a gap":                {[]step{{0, 8, true, Fresh}, {16, 5, false, Fresh}}, 0},
		"no end":               {[]step{{0, 16, true, Fresh}}, 0},
		"the longest":          {[]step{{65_528, 7, false, Fresh}, {0, 65_528, true, Fresh}}, MaxLen},
		"twice":                {[]step{{0, 16, true, Fresh}, {0, 16, true, Repeated}, {16, 1, false, Fresh}}, 17},
		"a part of it twice":   {[]step{{0, 16, true, Fresh}, {8, 8, true, Repeated}, {16, 1, false, Fresh}}, 17},
		"the last twice":       {[]step{{16, 5, false, Fresh}, {16, 5, false, Repeated}, {0, 16, true, Fresh}}, 21},
		"overlap":              {[]step{{0, 16, true, Fresh}, {8, 16, true, Conflict}}, 0},
		"around":               {[]step{{8, 8, true, Fresh}, {0, 24, true, Conflict}}, 0},
		"overlap in the end":   {[]step{{0, 16, true, Fresh}, {8, 12, false, Conflict}}, 0},
		"beyond the end":       {[]step{{8, 2, false, Fresh}, {16, 8, true, Conflict}}, 0},
		"more than the end":    {[]step{{8, 2, false, Fresh}, {8, 8, true, Conflict}}, 0},
		"an end before others": {[]step{{16, 8, true, Fresh}, {8, 2, false, Conflict}}, 0},
		"two ends":             {[]step{{16, 8, false, Fresh}, {8, 8, false, Conflict}}, 0},
	} {
		var d Datagram
		for i, s := range c.steps {
			if got := d.Add(&Piece{At: s.at, More: s.more, Body: make([]byte, s.n)}); got != s.want {
				t.Errorf("%s: step %d is %v, want %v", name, i, got, s.want)
			}
		}
		if got := len(d.Whole()); got != c.whole && c.steps[len(c.steps)-1].want != Conflict {
			t.Errorf("%s: %d bytes are whole, want %d", name, got, c.whole)
		}
	}
}

// The next datagram is in the same memory, and has nothing of the one before.
func TestReset(t *testing.T) {
	var d Datagram
	d.Add(&Piece{Body: []byte("before")})
	if got := d.Whole(); string(got) != "before" {
		t.Fatalf("%q came", got)
	}
	if n := testing.AllocsPerRun(10, func() {
		d.Reset()
		d.Add(&Piece{At: 8, Body: []byte("next")})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if d.Whole() != nil {
		t.Error("whole with bytes of the one before")
	}
	if got := d.Add(&Piece{More: true, Body: []byte("12345678")}); got != Fresh || string(d.Whole()) != "12345678next" {
		t.Errorf("%v: %q came", got, d.Whole())
	}
}

// model knows of each byte what came first.
type model struct {
	have    [MaxLen + unit]bool
	want    [MaxLen + unit]byte
	end     int // 0: not known
	highest int
}

func (m *model) add(p *Piece) Outcome {
	to := p.At + len(p.Body)
	if m.end > 0 && (to > m.end || !p.More && to != m.end) || !p.More && to < m.highest {
		return Conflict
	}
	if !p.More {
		m.end = to
	}
	old := 0
	for i := p.At; i < to; i += unit {
		if m.have[i] {
			old++
		}
	}
	switch {
	case old == (len(p.Body)+unit-1)/unit:
		return Repeated
	case old > 0:
		return Conflict
	}
	for i, c := range p.Body {
		m.have[p.At+i], m.want[p.At+i] = true, c
	}
	m.highest = max(m.highest, to)
	return Fresh
}

func (m *model) whole() []byte {
	for i := range m.end {
		if !m.have[i] {
			return nil
		}
	}
	if m.end == 0 {
		return nil
	}
	return m.want[:m.end]
}

// FuzzAdd adds fragments that a fuzzer chose, 5 bytes each: place, length in units, flags
// (more follows; without that, how much longer), content.
func FuzzAdd(f *testing.F) {
	f.Add([]byte{0, 0, 10, 1, 1, 0, 10, 5, 0, 2})
	f.Add([]byte{0, 10, 5, 0, 2, 0, 0, 10, 1, 1})
	f.Add([]byte{0, 0, 10, 1, 1, 0, 9, 10, 0, 1})
	f.Add([]byte{0, 0, 10, 1, 1, 0, 0, 10, 1, 2, 0, 10, 5, 0, 3})
	f.Add([]byte{0, 0, 1, 1, 1, 0, 0, 1, 0, 1})
	f.Add([]byte{31, 255, 1, 0, 9, 31, 255, 0, 0xe0, 9})
	f.Fuzz(func(t *testing.T, plan []byte) {
		var d Datagram
		var m model
		for ; len(plan) >= 5; plan = plan[5:] {
			p := Piece{At: int(be.Uint16(plan)&0x1fff) * unit, More: plan[3]&1 != 0}
			p.Body = bytes.Repeat(plan[4:5], int(plan[2])*unit+int(plan[3]>>5)*int(1-plan[3]&1))
			if !p.Fits(MaxLen) {
				continue
			}
			want := m.add(&p)
			if got := d.Add(&p); got != want {
				t.Fatalf("%d bytes at %d, more %v: %v, want %v", len(p.Body), p.At, p.More, got, want)
			}
			if want == Conflict {
				return
			}
			if got, want := d.Whole(), m.whole(); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("%d bytes are whole, want %d, or others", len(got), len(want))
			}
		}
	})
}
