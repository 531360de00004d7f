package udp

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/uplinktest"
)

// Who may answer (RFC 4787, section 5): the container has sent to one port of one
// address; another port of it and another address send.
func TestFilter(t *testing.T) {
	for _, c := range []struct {
		name                string
		filter              uplink.Filter
		samePort, otherPort bool
		otherAddr           bool
	}{
		{"address and port-dependent", uplink.ByEndpoint, true, false, false},
		{"address-dependent", uplink.ByAddress, true, true, false},
		{"endpoint-independent", uplink.ByNobody, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			n := uplinktest.TestNet()
			n.Filter = c.filter
			r.Net = n
			// All of 127/8 is the host; only 127.0.0.1 is the alias.
			a, same, other := serve(t, "127.0.0.1:0"), serve(t, "127.0.0.1:0"), serve(t, "127.0.0.2:0")
			r.send(alice4.UDP(4000, a.alias(), []byte("x"), 0))
			_, outside := a.get()
			for _, from := range []struct {
				s    *server
				lets bool
				seen netip.Addr
			}{{a, c.samePort, uplinktest.Loopback4}, {same, c.otherPort, uplinktest.Loopback4}, {other, c.otherAddr, uplinktest.Loopback4}} {
				before := r.Ledger().Ends[frame.DropNATFiltered].Load()
				from.s.put([]byte("y"), outside)
				if !from.lets {
					r.Until("filtered", func() bool { return r.Ledger().Ends[frame.DropNATFiltered].Load() == before+1 })
					continue
				}
				f := r.Await()
				wantUDP(t, f, port(from.seen, from.s.at().Port()), port(alice4.Addr, 4000), alice4.MAC, []byte("y"))
				// The container's answer goes back to who has sent.
				r.send(alice4.UDP(4000, port(from.seen, from.s.at().Port()), []byte("z"), 0))
				if _, back := from.s.get(); back != outside {
					t.Errorf("the answer came from %v, want %v", back, outside)
				}
			}
			if len(r.Entered) != 0 {
				t.Errorf("%d frames too many", len(r.Entered))
			}
		})
	}
}

// A stranger keeps no mapping open: what a container has never sent to does not refresh.
func TestStrangerDoesNotRefresh(t *testing.T) {
	r := newRig(t)
	n := uplinktest.TestNet()
	n.Filter = uplink.ByNobody
	r.Net = n
	a, other := loopback4(t), loopback4(t)
	r.send(alice4.UDP(4000, a.alias(), []byte("x"), 0))
	_, outside := a.get()
	for range 20 {
		if r.Watched() == 0 {
			return
		}
		other.put([]byte("y"), outside)
		r.Await()
		r.Advance(20 * 1e9)
	}
	t.Error("the mapping is still open after 400 s")
}
