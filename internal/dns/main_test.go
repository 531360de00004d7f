package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"vswitch/internal/sandbox"
)

// TestMain starts the program again in a user namespace when an ordinary user runs
// it, for the tests that need a container.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
	}
	goleak.VerifyTestMain(m)
}

// patience bounds how long a test waits for what must come.
const patience = 30 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addrs(list ...string) []netip.Addr {
	var as []netip.Addr
	for _, s := range list {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

// testZone has two networks, one of them with a dot in its name, and a stranger's.
func testZone() *Zone {
	z := NewZone()
	for _, r := range []Record{
		{"n1", "net1", "e1", []string{"web", "www", "0123456789ab", "Host1"}, addrs("10.1.0.2", "fd01::2")},
		{"n1", "net1", "e2", []string{"db", "store"}, addrs("10.1.0.3")},
		{"n1", "net1", "e3", []string{"six"}, addrs("fd01::4")},
		{"n1", "net1", "e4", []string{"a.b", "store"}, addrs("10.1.0.5")},
		{"n1", "net1", "e5", []string{"web.lan"}, addrs("10.1.0.6")},
		{"n2", "lan.net1", "e6", []string{"web", "only2"}, addrs("10.2.0.2")},
		{"n2", "lan.net1", "e7", []string{"six"}, addrs("10.2.0.3")},
		{"n3", "Secret", "e8", []string{"hidden", "web"}, addrs("10.3.0.2")},
	} {
		z.Set(r)
	}
	return z
}

// onBoth sees net1 and lan.net1.
var onBoth = View{Asker: "c1", Networks: []string{"n1", "n2"}, Names: true}

// message makes a query; edit may change it.
func message(t testing.TB, name string, typ dnsmessage.Type, edit ...func(*dnsmessage.Message)) []byte {
	t.Helper()
	n, err := dnsmessage.NewName(name)
	must(t, err)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0xbeef, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: typ, Class: dnsmessage.ClassINET}},
	}
	for _, e := range edit {
		e(&m)
	}
	b, err := m.Pack()
	must(t, err)
	return b
}

// edns adds an OPT record.
func edns(size int, do bool) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) {
		r := dnsmessage.Resource{Body: &dnsmessage.OPTResource{}}
		_ = r.Header.SetEDNS0(size, 0, do)
		m.Additionals = append(m.Additionals, r)
	}
}

// unpack reads a reply whole.
func unpack(t testing.TB, msg []byte) dnsmessage.Message {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("%x: %v", msg, err)
	}
	return m
}

// said lists what the answers of a reply say.
func said(m dnsmessage.Message) []string {
	var all []string
	for _, r := range m.Answers {
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			all = append(all, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			all = append(all, netip.AddrFrom16(b.AAAA).String())
		case *dnsmessage.PTRResource:
			all = append(all, b.PTR.String())
		default:
			all = append(all, b.GoString())
		}
	}
	return all
}

// upstream is a server in memory: what it sends for a message that came by
// a network ("udp" or "tcp"). Without replies it is silent.
type upstream func(network string, query dnsmessage.Message) (replies [][]byte)

// dialer reaches upstreams by address. Other addresses refuse.
type dialer struct {
	servers map[string]upstream

	mu    sync.Mutex
	asked []string // "udp 192.0.2.1:53"
	got   []dnsmessage.Message
}

var errRefusedByTest = errors.New("nobody there")

func (d *dialer) dial(_ context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	d.asked = append(d.asked, network+" "+address)
	d.mu.Unlock()
	server := d.servers[address]
	if server == nil {
		return nil, errRefusedByTest
	}
	ours, theirs := net.Pipe()
	go d.serve(network, server, theirs)
	return ours, nil
}

// serve plays a server for one message and stays until the asker is gone.
func (d *dialer) serve(network string, server upstream, c net.Conn) {
	defer c.Close()
	buf := make([]byte, 65535)
	n, err := 0, error(nil)
	if network == "tcp" {
		buf, err = readFramed(c, len(buf))
		n = len(buf)
	} else {
		n, err = c.Read(buf)
	}
	var m dnsmessage.Message
	if err != nil || m.Unpack(buf[:n]) != nil {
		return
	}
	d.mu.Lock()
	d.got = append(d.got, m)
	d.mu.Unlock()
	for _, reply := range server(network, m) {
		if network == "tcp" {
			err = writeFramed(c, reply)
		} else {
			_, err = c.Write(reply)
		}
		if err != nil {
			return
		}
	}
	_, _ = c.Read(make([]byte, 1)) // ends when the asker closes
}

// respond packs a reply to a query; edit may change it.
func respond(q dnsmessage.Message, edit ...func(*dnsmessage.Message)) []byte {
	q.Response, q.RecursionAvailable, q.Additionals = true, true, nil
	for _, e := range edit {
		e(&q)
	}
	b, err := q.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// withA adds an address to a reply.
func withA(a string) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
		})
	}
}

// withCode sets the code of a reply.
func withCode(c dnsmessage.RCode) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) { m.RCode = c }
}

// always sends the same reply to everything.
func always(edit ...func(*dnsmessage.Message)) upstream {
	return func(_ string, q dnsmessage.Message) [][]byte { return [][]byte{respond(q, edit...)} }
}

func silent(string, dnsmessage.Message) [][]byte { return nil }

const (
	first  = "192.0.2.1:53"
	second = "192.0.2.2:53"
	third  = "192.0.2.3:53"
	fourth = "192.0.2.4:53"
)

// behind makes a server with these upstreams, in order, and the host's list of
// them.
func behind(d *dialer, list ...string) *Server {
	var servers []netip.AddrPort
	for _, a := range list {
		servers = append(servers, netip.MustParseAddrPort(a))
	}
	return New(Config{Zone: testZone(), Dial: d.dial, Upstreams: func() []netip.AddrPort { return servers }})
}
