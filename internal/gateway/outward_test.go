package gateway

import (
	"testing"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// TestOutward: what an uplink says of a packet is booked, and told where that helps.
func TestOutward(t *testing.T) {
	syn := func(s *layers.TCP) { s.SYN = true }
	for _, c := range []struct {
		name    string
		b       []byte
		reason  frame.Reason
		answers int
	}{
		{"taken", tcp(ask4, outside4, 80, syn, nil), frame.Consumed, 0},
		{"the host's loopback", udp(ask4, outside4, 80, nil), frame.DropUplinkLoopback, 1},
		{"the host's loopback, reset", tcp(ask4, outside4, 80, syn, nil), frame.DropUplinkLoopback, 0},
		{"no protocol of the uplink", udp(ask6, outside6, 80, nil), frame.DropUplinkProtocol, 1},
		{"no socket", udp(ask4, outside4, 80, nil), frame.DropUplinkSockets, 1},
		{"no way", udp(ask6, outside6, 80, nil), frame.DropUplinkUnreachable, 1},
		{"no route", udp(ask4, outside4, 80, nil), frame.DropNoRoute, 1},
		{"in silence", udp(ask4, outside4, 80, nil), frame.DropUplinkBusy, 0},
		{"the gateway's, taken", tcp(ask4, gw4, 8080, syn, nil), frame.Consumed, 0},
		{"the gateway's, closed", tcp(ask4, gw4, 8080, syn, nil), frame.DropNoService, 1},
		{"the gateway's, by UDP", udp(ask6, gw6, 8080, nil), frame.DropNoService, 1},
		{"another gateway's", udp(ask4, b4, 8080, nil), frame.DropNoService, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &uplink{reason: c.reason}
			newRig(t, up(u)).want(c.b, c.reason, c.answers)
			if u.n != 1 {
				t.Errorf("the uplink was asked %d times", u.n)
			}
		})
	}
}

// TestOutwardRun: of a run the uplink gets its own packets, in order, in one call.
func TestOutwardRun(t *testing.T) {
	u := &keeper{}
	r := newRig(t, up(u))
	var run []*frame.Frame
	for _, b := range [][]byte{
		udp(ask4, outside4, 1, nil), ping(ask4, gw4, nil), udp(ask4, outside4, 2, nil),
		udp(ask4, ip("10.0.1.9"), 9, nil), udp(ask4, gw4, 3, nil),
	} {
		f := slot(b)
		f.Parse()
		run = append(run, f)
	}
	r.box.reset()
	r.Serve(r.box, run)
	if len(u.calls) != 1 || len(u.calls[0]) != 3 || u.calls[0][0] != 1 || u.calls[0][1] != 2 || u.calls[0][2] != 3 {
		t.Errorf("the uplink was given %v", u.calls)
	}
}

// keeper notes the ports of each call.
type keeper struct{ calls [][]uint16 }

func (k *keeper) Take(_ Outbox, run []*frame.Frame) {
	var ports []uint16
	for _, f := range run {
		ports = append(ports, f.UDP().DstPort())
		f.Drop = frame.Consumed
	}
	k.calls = append(k.calls, ports)
}

// TestUplinkMTU: what the way out does not take is refused with its MTU.
func TestUplinkMTU(t *testing.T) {
	u := &uplink{reason: frame.Consumed}
	r := newRig(t, func(c *Config) { c.Uplink, c.UplinkMTU = u, 1000 })
	r.want(udp(ask4, outside4, 1, make([]byte, 1000-28)), frame.Consumed, 0)
	r.want(udp(ask4, outside4, 1, make([]byte, 1000-27)), frame.DropTooBig, 1)
	if u.n != 1 {
		t.Errorf("taken %d times", u.n)
	}
}

// TestDeliver: a packet from a NAT goes to its station, or ends without a word.
func TestDeliver(t *testing.T) {
	for _, c := range []struct {
		name   string
		b      []byte
		reason frame.Reason
	}{
		{"to a station", udp(outside4, ask4, 9, nil), frame.Accepted},
		{"by IPv6", udp(outside6, ask6, 9, nil), frame.Accepted},
		{"to nobody", udp(outside4, ip("10.0.0.99"), 9, nil), frame.DropNeighbour},
		{"too big", udp(outside4, ask4, 9, make([]byte, 1500)), frame.DropTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			f := slot(c.b)
			f.Parse()
			r.box.reset()
			if got := r.Deliver(r.box, f); got != c.reason || len(r.box.replies) != 0 {
				t.Errorf("ended as %v with %d answers", got, len(r.box.replies))
			}
			if c.reason == frame.Accepted && (f.Dst != askMAC || f.Src != gwMAC) {
				t.Errorf("from %v to %v", f.Src, f.Dst)
			}
		})
	}
}

// TestUplinkFirst: with a way out that leads into another network of the router, that
// network, all others and their gateways are outside; its own network and gateway are
// not.
func TestUplinkFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		b     []byte
		taken int
	}{
		{"another network", udp(ask4, ip("10.0.1.9"), 9, nil), 1},
		{"a routed one", ping(ask6, far6, nil), 1},
		{"another gateway", ping(ask4, b4, nil), 1},
		{"outside", udp(ask4, outside4, 9, nil), 1},
		{"its own gateway", ping(ask4, gw4, nil), 0},
		{"a neighbour", ping(ask4, next4, nil), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &uplink{reason: frame.Consumed}
			r := newRig(t, func(c *Config) { c.Uplink, c.UplinkFirst = u, true })
			r.serve(c.b)
			if u.n != c.taken {
				t.Errorf("the uplink was given %d packets", u.n)
			}
		})
	}
}
