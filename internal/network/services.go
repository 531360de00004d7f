package network

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"vswitch/internal/api"
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

// askNames answers a question for a name: at once where it is known, else from a
// goroutine that asks the host's servers.
func (v *services) askNames(r request) {
	var info frame.Info
	if frame.Parse(r.data, &info) != frame.Accepted || info.L4 == 0 {
		return
	}
	q := question{v: v, data: r.data, info: info}
	view, ok := v.viewAt(q.asker().Addr())
	if !ok {
		return
	}
	v.s.m.dns.Handle(v.ctx, &v.wg, view, q.payload(), false, q.reply)
}

// viewAt says what the container with an address on this network may know.
func (v *services) viewAt(a netip.Addr) (dns.View, bool) {
	m := v.s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range v.n.users {
		b := m.containers[id]
		if b == nil {
			continue
		}
		e := b.rec.endpoint(v.n.rec.ID)
		if e == nil {
			continue
		}
		if e.IPv4.Addr() == a || e.IPv6.Addr() == a {
			view, _ := m.viewOf(b)
			return view, true
		}
	}
	// A client that is no container of ours sees what the network has.
	view := dns.View{Asker: a.String(), Networks: []string{v.n.rec.ID}, Names: !v.n.rec.Predefined, Internal: v.n.rec.Internal}
	return view, true
}

// question is a UDP query to the gateway.
type question struct {
	v    *services
	data []byte
	info frame.Info
}

func (q *question) udp() frame.UDP { return frame.UDP(q.data[q.info.L4:]) }

func (q *question) payload() []byte {
	end := min(int(q.info.L4)+int(q.udp().Length()), len(q.data))
	return q.data[min(int(q.info.L4)+8, end):end]
}

func (q *question) addrs() (src, dst netip.Addr) {
	if q.info.Flags&frame.FlagIPv4 != 0 {
		ip := frame.IPv4(q.data[q.info.L3:])
		return ip.Src(), ip.Dst()
	}
	ip := frame.IPv6(q.data[q.info.L3:])
	return ip.Src(), ip.Dst()
}

func (q *question) asker() netip.AddrPort {
	src, _ := q.addrs()
	return netip.AddrPortFrom(src, q.udp().SrcPort())
}

// reply sends an answer to where the question came from.
func (q *question) reply(payload []byte) {
	_, dst := q.addrs()
	from := netip.AddrPortFrom(dst, portDNS)
	build := gateway.BuildUDP4
	if dst.Is6() {
		build = gateway.BuildUDP6
	}
	q.v.send(build(nil, from, q.asker(), q.v.mac, q.info.Src, payload))
}

// openNames opens the server at 127.0.0.11 inside a container that has networks of
// the user's.
func (m *Manager) openNames(b *box) error {
	if b.names != nil || b.sb == nil || b.hostNet() {
		return nil
	}
	m.mu.Lock()
	view, _ := m.viewOf(b)
	m.mu.Unlock()
	if !view.Names {
		return nil
	}
	r := &resolver{}
	err := b.ns.Do(func() (err error) {
		at := net.JoinHostPort(embedded.String(), "53")
		if r.udp, err = net.ListenPacket("udp4", at); err != nil {
			return err
		}
		if r.tcp, err = net.Listen("tcp4", at); err != nil {
			r.udp.Close()
		}
		return err
	})
	if err != nil {
		return api.Errorf(api.Unexpected, err, "cannot answer names inside container %q", b.rec.Name)
	}
	r.wg.Go(func() { _ = m.dns.ServePacket(func() dns.View { return m.view(b) }, r.udp) })
	r.wg.Go(func() {
		_ = m.dns.ServeStream(func(netip.AddrPort) (dns.View, bool) { return m.view(b), true }, r.tcp)
	})
	b.edit(func() { b.names = r })
	return nil
}

func (m *Manager) view(b *box) dns.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := m.viewOf(b)
	return v
}

// closeNames undoes openNames.
func (b *box) closeNames() {
	if r := b.names; r != nil {
		b.edit(func() { b.names = nil })
		r.close()
	}
}

// resolver is the sockets at 127.0.0.11 inside a container.
type resolver struct {
	udp net.PacketConn
	tcp net.Listener
	wg  sync.WaitGroup
}

func (r *resolver) close() {
	r.udp.Close()
	r.tcp.Close()
	r.wg.Wait()
}

// domainOf is the domain of a network's names: what stands behind the dot.
func domainOf(n *Record) string { return strings.ToLower(n.Name) }
