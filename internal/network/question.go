package network

import (
	"net/netip"
	"strings"

	"vswitch/internal/dns"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
)

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
	view := dns.View{Asker: a.String(), Networks: []string{v.n.rec.ID}, Names: !v.n.rec.Predefined, Internal: v.n.rec.Internal, Host: v.s.exit.hostAddrs()}
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

// domainOf is the domain of a network's names: what stands behind the dot.
func domainOf(n *Record) string { return strings.ToLower(n.Name) }
