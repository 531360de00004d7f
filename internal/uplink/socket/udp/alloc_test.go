package udp

import (
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
)

// A session that there is costs no memory, in no direction.
func TestNoAllocations(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		r.Clean = true
		r.OnEnter = func(frame.PortID, []byte) {}
		raw := rawOf(t, to)
		one := s.UDP(4000, to.alias(), payload(100), 0)
		several := s.UDP(4000, to.alias(), payload(5000), 1000)
		frames := []*frame.Frame{one, several}
		r.send(one)
		_, from := to.get()
		for name, fn := range map[string]func(){
			"out": func() {
				for _, f := range frames {
					if r.s.Take(r.Worker, r.Net, f) != frame.Consumed {
						t.Fatal("not sent")
					}
				}
				r.s.Done(r.Worker, r.Net)
			},
			"in": func() {
				sendRaw(raw, from)
				r.Poll(time.Second)
			},
			"a burst in": func() {
				for range 40 {
					sendRaw(raw, from)
				}
				r.Poll(time.Second)
			},
		} {
			if got := testing.AllocsPerRun(100, fn); got != 0 {
				t.Errorf("%s: %v allocations", name, got)
			}
		}
	})
}
