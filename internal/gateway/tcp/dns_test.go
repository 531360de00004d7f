package tcp

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"vswitch/internal/dns"
)

// dns: the real server and a real client; short, long and pipelined.
func (w *wire) dns(t *testing.T) {
	z := dns.NewZone()
	var many []netip.Addr
	for i := range 200 {
		many = append(many, netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}))
	}
	for _, r := range []dns.Record{
		{Network: "n", NetworkName: "net", Endpoint: "e1", Names: []string{"web"}, Addrs: []netip.Addr{peer4, peer6}},
		{Network: "n", NetworkName: "net", Endpoint: "e2", Names: []string{"many"}, Addrs: many},
	} {
		z.Set(r)
	}
	l, err := w.h.Listen(port)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := dns.New(dns.Config{Zone: z}).ServeStream(func(netip.AddrPort) (dns.View, bool) {
			return dns.View{Asker: "c", Networks: []string{"n"}, Names: true}, true
		}, l)
		if err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer l.Close()
	for _, server := range []netip.Addr{gw4, gw6} {
		if out := w.Run(t, "dig", "+tcp", "+short", "+tries=1", "@"+server.String(), "web"); strings.TrimSpace(out) != peer4.String() {
			t.Errorf("web: %s", out)
		}
		// More than two segments long.
		if out := w.Run(t, "dig", "+tcp", "+short", "+tries=1", "@"+server.String(), "many"); len(strings.Fields(out)) != len(many) {
			t.Errorf("many: %s", out)
		}
		// One connection for all.
		out := w.Run(t, "dig", "+tcp", "+keepopen", "+short", "+tries=1", "@"+server.String(), "web", "web", "AAAA", "many", "web")
		if n := len(strings.Fields(out)); n != len(many)+3 {
			t.Errorf("%d answers:\n%s", n, out)
		}
		w.pipeline(t, server)
	}
}

// pipeline asks many questions at once and closes its side.
func (w *wire) pipeline(t *testing.T, server netip.Addr) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("many."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	q, err := m.Pack()
	must(t, err)
	const asked = 100
	c := w.dial(t, server, port)
	_, err = c.Write(bytes.Repeat(append([]byte{0, byte(len(q))}, q...), asked))
	must(t, err)
	must(t, c.CloseWrite())
	all, err := io.ReadAll(c)
	must(t, err)
	answers := 0
	for ; len(all) > 2; answers++ {
		n := int(all[0])<<8 | int(all[1])
		var a dnsmessage.Message
		must(t, a.Unpack(all[2:2+n]))
		if all = all[2+n:]; len(a.Answers) != 200 {
			t.Errorf("%d addresses", len(a.Answers))
		}
	}
	if answers != asked || len(all) != 0 {
		t.Errorf("%d answers to %d questions", answers, asked)
	}
}
