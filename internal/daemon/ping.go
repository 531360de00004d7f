package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"vswitch/internal/api"
	"vswitch/internal/network"
)

// The quick check between two containers is made by the switch process itself, from
// a socket in the first one's network namespace: it needs no program there, and a
// few hundred of them cost nothing.

// The defaults and limits of a check.
const (
	pingCount, mostPings   = 3, 100
	pingSize, mostPingSize = 56, 65000
	pingTimeout            = time.Second
	pingInterval           = time.Second
	mostWait               = 60 * time.Second
)

// Ping implements server.Backend.
func (d *Daemon) Ping(ctx context.Context, p api.Ping) (api.Pong, error) {
	from, err := d.m.Enter(p.From)
	if err != nil {
		return api.Pong{}, err
	}
	to, addr, err := d.target(from, p.To, p.Network, p.IPv6)
	if err != nil {
		return api.Pong{}, err
	}
	q, err := newPinger(p, addr)
	if err != nil {
		return api.Pong{}, err
	}
	out := api.Pong{Schema: api.Schema("ping"), From: from.Name, To: to, Address: addr.String(), Times: []int{}}
	if err := from.NS.Do(q.open); err != nil {
		return out, api.Errorf(api.Unexpected, err, "cannot ping from container %q", from.Name)
	}
	defer q.conn.Close()
	defer context.AfterFunc(ctx, func() { q.conn.SetReadDeadline(time.Now()) })()
	q.run(ctx, &out)
	return out, nil
}

// target finds what is to be reached: an address, or a container's on a network
// that both are on, or else on any of its own.
func (d *Daemon) target(from network.Inside, to, on string, v6 bool) (name string, a netip.Addr, err error) {
	if a, err := netip.ParseAddr(to); err == nil {
		return to, a, nil
	}
	in, err := d.m.Enter(to)
	if err != nil {
		return to, a, err
	}
	nets := in.Order
	if on != "" {
		id, err := d.m.NetworkID(on)
		if err != nil {
			return to, a, err
		}
		nets = []string{id}
	}
	best := -1
	for _, id := range nets {
		for _, addr := range in.Addrs[id] {
			_, shared := from.Addrs[id]
			if rank := rankOf(shared, addr.Is6() == v6); rank > best {
				best, a = rank, addr
			}
		}
	}
	if best < 0 || v6 && !a.Is6() {
		return in.Name, a, api.Errorf(api.InvalidValue, nil, "container %q has no such address", in.Name).
			Because("it has none of that family on the network")
	}
	return in.Name, a, nil
}

// rankOf prefers a network that both are on, then the family that was asked for.
func rankOf(shared, family bool) int {
	rank := 0
	if shared {
		rank += 2
	}
	if family {
		rank++
	}
	return rank
}

// pinger sends echo requests from one socket.
type pinger struct {
	api.Ping
	to   netip.Addr
	id   int
	conn net.PacketConn
	data []byte
	buf  []byte
}

func newPinger(p api.Ping, to netip.Addr) (*pinger, error) {
	if p.Count == 0 {
		p.Count = pingCount
	}
	if p.Size == 0 {
		p.Size = pingSize
	}
	if p.Count < 0 || p.Count > mostPings || p.Size < 8 || p.Size > mostPingSize || p.Timeout < 0 || p.Interval < 0 ||
		time.Duration(p.Timeout)*time.Millisecond > mostWait || time.Duration(p.Interval)*time.Millisecond > mostWait {
		return nil, api.Errorf(api.InvalidValue, nil, "cannot ping %q", p.To).
			Because("1 to %d requests of 8 to %d bytes, waiting at most %v", mostPings, mostPingSize, mostWait)
	}
	// The identifier tells our answers from those of others in the namespace.
	q := &pinger{Ping: p, to: to, id: int(rand.Uint32() & 0xffff), data: make([]byte, p.Size), buf: make([]byte, 1<<16)}
	for i := range q.data {
		q.data[i] = byte(i)
	}
	return q, nil
}

// open makes the socket, on a thread inside the namespace.
func (q *pinger) open() (err error) {
	kind, any := "ip4:icmp", "0.0.0.0"
	if q.to.Is6() {
		kind, any = "ip6:ipv6-icmp", "::"
	}
	q.conn, err = net.ListenPacket(kind, any)
	return err
}

func (q *pinger) run(ctx context.Context, out *api.Pong) {
	interval := pingInterval
	if q.Interval > 0 {
		interval = time.Duration(q.Interval) * time.Millisecond
	}
	for seq := 1; seq <= q.Count && ctx.Err() == nil; seq++ {
		sent := time.Now()
		out.Sent++
		switch took, err := q.once(ctx, seq); {
		case err == nil:
			out.Received++
			out.Times = append(out.Times, int(took.Microseconds()))
		case !errors.Is(err, os.ErrDeadlineExceeded):
			out.Error = api.Reason(err)
		}
		if seq < q.Count {
			select {
			case <-ctx.Done():
			case <-time.After(interval - time.Since(sent)):
			}
		}
	}
}

// once sends one request and waits for its answer.
func (q *pinger) once(ctx context.Context, seq int) (time.Duration, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: q.id, Seq: seq, Data: q.data}}
	if q.to.Is6() {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil)
	if err != nil {
		return 0, err
	}
	timeout := pingTimeout
	if q.Timeout > 0 {
		timeout = time.Duration(q.Timeout) * time.Millisecond
	}
	sent := time.Now()
	if _, err := q.conn.WriteTo(b, &net.IPAddr{IP: q.to.AsSlice(), Zone: q.to.Zone()}); err != nil {
		return 0, err
	}
	if err := q.conn.SetReadDeadline(sent.Add(timeout)); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err // it ended before the deadline was set
	}
	for {
		n, from, err := q.conn.ReadFrom(q.buf)
		if err != nil {
			return 0, err
		}
		if done, err := q.heard(q.buf[:n], from, seq); done {
			return time.Since(sent), err
		}
	}
}

// heard reads a message: the answer to request seq, or an error about it.
func (q *pinger) heard(b []byte, from net.Addr, seq int) (done bool, err error) {
	proto := 1
	if q.to.Is6() {
		proto = 58
	}
	m, err := icmp.ParseMessage(proto, b)
	if err != nil {
		return false, nil
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		reply := m.Type == ipv4.ICMPTypeEchoReply || m.Type == ipv6.ICMPTypeEchoReply
		return reply && body.ID == q.id && body.Seq == seq, nil
	case *icmp.DstUnreach:
		return q.mine(body.Data, seq), unreachable(m.Type, m.Code, from)
	case *icmp.TimeExceeded:
		return q.mine(body.Data, seq), fmt.Errorf("%s says: time exceeded", from)
	case *icmp.PacketTooBig:
		return q.mine(body.Data, seq), fmt.Errorf("%s says: packet too big, the MTU is %d", from, body.MTU)
	}
	return false, nil
}

// mine reports whether an error quotes request seq.
func (q *pinger) mine(quoted []byte, seq int) bool {
	header := 40
	if !q.to.Is6() {
		if len(quoted) == 0 {
			return false
		}
		header = int(quoted[0]&15) * 4
	}
	if len(quoted) < header+8 {
		return false
	}
	echo := quoted[header:]
	return int(binary.BigEndian.Uint16(echo[4:])) == q.id && int(binary.BigEndian.Uint16(echo[6:])) == seq
}

// unreachable puts an ICMP error's code into words (RFC 792, 1812; RFC 4443).
func unreachable(kind icmp.Type, code int, from net.Addr) error {
	words := map[int]string{0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
		4: "fragmentation needed", 13: "administratively prohibited", 9: "administratively prohibited", 10: "administratively prohibited"}
	if kind == ipv6.ICMPTypeDestinationUnreachable {
		words = map[int]string{0: "no route", 1: "administratively prohibited", 3: "address unreachable", 4: "port unreachable"}
	}
	word := words[code]
	if word == "" {
		word = fmt.Sprintf("unreachable, code %d", code)
	}
	return fmt.Errorf("%s says: %s", from, word)
}
