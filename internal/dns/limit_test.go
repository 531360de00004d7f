package dns

import (
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/dns/dnsmessage"
)

// So many of all, so many of one: what is more is refused at once, and names of our
// own are answered all the same.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{servers: map[string]upstream{first: silent}}
		s := behind(d, first)
		s.slots = newLimiter(5, 2)
		var wg sync.WaitGroup
		codes := map[string][]dnsmessage.RCode{}
		var mu sync.Mutex
		ask := func(asker string, n int) {
			for range n {
				v := onBoth
				v.Asker = asker
				s.Handle(t.Context(), &wg, v, message(t, "example.org.", a), false, func(reply []byte) {
					mu.Lock()
					defer mu.Unlock()
					codes[asker] = append(codes[asker], unpack(t, reply).RCode)
				})
			}
		}
		ask("greedy", 10)
		if len(codes["greedy"]) != 8 {
			t.Errorf("refused at once: %v", codes)
		}
		ask("b", 1)
		ask("c", 3)
		if len(codes["b"]) != 0 || len(codes["c"]) != 1 {
			t.Errorf("others: %v", codes)
		}
		ask("d", 1)
		if len(codes["d"]) != 1 || codes["d"][0] != dnsmessage.RCodeRefused {
			t.Errorf("after all places are taken: %v", codes)
		}
		if got := s.Answer(t.Context(), onBoth, message(t, "example.org.", a), false); unpack(t, got).RCode != dnsmessage.RCodeRefused {
			t.Errorf("Answer: %v", unpack(t, got))
		}
		if got := s.Answer(t.Context(), onBoth, message(t, "web.", a), false); len(said(unpack(t, got))) != 1 {
			t.Errorf("our own name: %v", unpack(t, got))
		}
		wg.Wait()
		if st := s.Stats(); st.Overload != 11 || st.Refused != 11 || st.Failed != 5 || st.Answered != 1 || st.Queries != 17 {
			t.Errorf("%+v", st)
		}
		if s.slots.busy != 0 || len(s.slots.by) != 0 {
			t.Errorf("left: %+v", s.slots)
		}
	})
}

// Nothing is called for what deserves no reply.
func TestHandleIgnores(t *testing.T) {
	s := New(Config{Zone: testZone()})
	var wg sync.WaitGroup
	s.Handle(t.Context(), &wg, onBoth, []byte("short"), false, func(b []byte) { t.Errorf("reply %x", b) })
	wg.Wait()
	if s.Stats() != (Stats{Queries: 1, Ignored: 1}) {
		t.Errorf("%+v", s.Stats())
	}
}
