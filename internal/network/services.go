package network

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"vswitch/internal/dns"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
	"vswitch/internal/gateway/tcp"
	"vswitch/ipam/dhcp"
)

// Requests to a network's services are copied off the worker's thread into a queue;
// one goroutine a network answers DHCP and router solicitations in their order, and
// hands questions for names to goroutines of their own, since those may wait for
// the host's servers. Answers enter the network by the gateway's port.

// queueLen is how many requests may wait; a request more ends as service-busy.
const queueLen = 256

// The ports of the services (RFC 2131, 8415, 1035).
const (
	portDHCP4 = 67
	portDHCP6 = 547
	portDNS   = 53
)

// kind is what a request is for.
type kind uint8

const (
	kindDHCP4 kind = iota
	kindDHCP6
	kindSolicit
	kindDNS
	kindTCP
	kindHeard
)

// request is a frame that waits for its service; of kindHeard it is an address that
// somebody answered for.
type request struct {
	kind kind
	from frame.PortID
	data []byte
	addr netip.Addr
}

// services answer on one network.
type services struct {
	s    *Segment
	n    *Network
	mac  frame.MAC
	dhcp *dhcp.Server
	tcp  *tcp.Host

	queue  chan request
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // look at the clock again
}

func newServices(s *Segment, n *Network, mac frame.MAC) *services {
	v := &services{
		s: s, n: n, mac: mac, queue: make(chan request, queueLen),
		wake: make(chan struct{}, 1),
	}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	return v
}

// taker queues requests of one kind; a gateway.Service.
type taker struct {
	v    *services
	kind kind
}

// Take copies the request: the frame's bytes are the worker's again when it
// returns.
func (t taker) Take(from frame.PortID, f *frame.Frame) frame.Reason {
	r := request{kind: t.kind, from: from, data: append([]byte(nil), f.Bytes()...)}
	select {
	case t.v.queue <- r:
		return frame.Consumed
	default:
		return frame.DropServiceBusy
	}
}

// streams are the services over TCP.
func (v *services) streams() map[uint16]gateway.Service {
	return map[uint16]gateway.Service{portDNS: taker{v, kindTCP}}
}

func (v *services) udp() map[uint16]gateway.Service {
	return map[uint16]gateway.Service{
		portDHCP4: taker{v, kindDHCP4}, portDHCP6: taker{v, kindDHCP6}, portDNS: taker{v, kindDNS},
	}
}

// heard is told by the gateway who answered a probe. Most answers are none: then
// nobody waits for them.
func (v *services) heard(a netip.Addr, _ frame.MAC) {
	select {
	case v.queue <- request{kind: kindHeard, addr: a}:
	default: // the probe's time-out answers
	}
}

// probe asks the network whether somebody has an address (RFC 5227, section 2.1.1:
// the sender's address is left out). It is called under the DHCP server's lock.
func (v *services) probe(a netip.Addr, _ frame.MAC) bool {
	if !a.Is4() {
		return false
	}
	b := make([]byte, frame.EthernetLen+frame.ARPLen)
	rest := frame.EthernetFields{Dst: frame.Broadcast, Src: v.mac, EtherType: frame.TypeARP}.Encode(b)
	frame.ARPFields{Op: frame.ARPRequest, SHA: v.mac, SPA: netip.IPv4Unspecified(), TPA: a}.Encode(rest)
	return v.s.port.Inject(b) == nil
}

func (v *services) solicit() gateway.Service { return taker{v, kindSolicit} }

// start makes the DHCP server and begins to answer.
func (v *services) start() error {
	if err := v.openDHCP(); err != nil {
		return err
	}
	v.tcp = tcp.NewHost(tcp.Config{MAC: v.mac, MTU: v.s.opts.mtu, Send: v.send, Now: v.s.m.now, Wake: v.look})
	l, err := v.tcp.Listen(portDNS)
	if err != nil {
		return err
	}
	v.wg.Go(v.serve)
	v.wg.Go(func() {
		_ = v.s.m.dns.ServeStream(func(from netip.AddrPort) (dns.View, bool) { return v.viewAt(from.Addr()) }, l)
	})
	return nil
}

// stop ends the services and waits for them.
func (v *services) stop() {
	v.cancel()
	if v.tcp != nil {
		v.tcp.Close()
	}
	v.wg.Wait()
}

// look has serve look at the clock again: something is due earlier than it was.
func (v *services) look() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// serve answers until stop.
func (v *services) serve() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-v.ctx.Done():
			return
		case r := <-v.queue:
			v.answer(r)
		case <-v.wake:
		case <-timer.C:
		}
		v.tick(timer)
	}
}

// longest is how far ahead the services look at the clock.
const longest = time.Hour

// tick does what is due and sets the timer for what is due next.
func (v *services) tick(timer *time.Timer) {
	next, now := longest, v.s.m.now()
	v.tcp.Tick(now)
	due := []time.Time{v.tcp.NextTimer()}
	if v.dhcp != nil {
		v.dhcp.Expire(now)
		for _, b := range v.dhcp.Advertise(now) {
			v.send(b)
		}
		due = append(due, v.dhcp.NextExpiry(), v.dhcp.NextRA())
	}
	for _, at := range due {
		if !at.IsZero() {
			next = min(next, max(at.Sub(now), time.Millisecond))
		}
	}
	timer.Reset(next)
}

// send has a frame enter the network by the gateway's port. A full queue costs the
// answer; its client asks again.
func (v *services) send(b []byte) {
	if err := v.s.port.Inject(b); err != nil {
		v.s.m.log.Debug("an answer was lost", "network", v.n.rec.Name, "err", err)
	}
}

func (v *services) answer(r request) {
	var out [][]byte
	now := v.s.m.now()
	switch {
	case r.kind == kindDNS:
		v.askNames(r)
	case r.kind == kindTCP:
		v.tcp.Input(r.data)
	case v.dhcp == nil:
	case r.kind == kindHeard:
		_, out = v.dhcp.Probed(now, r.addr, true)
	case r.kind == kindDHCP4:
		out, _ = v.dhcp.Serve4(now, r.from, r.data)
	case r.kind == kindDHCP6:
		out, _ = v.dhcp.Serve6(now, r.from, r.data)
	case r.kind == kindSolicit:
		out, _ = v.dhcp.Solicit(now, r.from, r.data)
	}
	for _, b := range out {
		v.send(b)
	}
}
