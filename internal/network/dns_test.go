package network

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"vswitch/internal/api"
)

// lookup asks a server from inside a container.
func (s *station) lookup(server, transport, name string) (addrs []string, err error) {
	err = s.Box.NetNS().Do(func() error {
		conn, err := net.Dial(transport, server+":53")
		if err != nil {
			return err
		}
		// The resolver may look twice, once for each family.
		var d net.Dialer
		first := conn
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if c := first; c != nil {
				first = nil
				return c, nil
			}
			return d.DialContext(ctx, transport, server+":53")
		}}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ips, err := r.LookupIP(ctx, "ip4", name)
		for _, ip := range ips {
			addrs = append(addrs, ip.String())
		}
		return err
	})
	slices.Sort(addrs)
	return addrs, err
}

// asks checks that the server inside answers with these addresses; none is that there
// is no such name.
func (r *rig) asks(s *station, name string, want ...string) {
	r.t.Helper()
	r.asksAt(s, "127.0.0.11", name, want...)
}

func (r *rig) asksAt(s *station, server, name string, want ...string) {
	r.t.Helper()
	got, err := s.lookup(server, "udp", name+".")
	if len(want) == 0 {
		if e, ok := errors.AsType[*net.DNSError](err); !ok {
			r.t.Errorf("%s at %s: %v, %v, want an error", name, server, got, e)
		}
		return
	}
	if err != nil || !slices.Equal(got, want) {
		r.t.Errorf("%s at %s: %v, %v, want %v", name, server, got, err, want)
	}
}

// Names are those of the networks that the asker is on, at 127.0.0.11 and at the
// gateway, by both transports inside.
func TestNames(t *testing.T) {
	r := newRig(t, nil)
	r.network("front", "10.53.0.0/24")
	r.network("back", "10.54.0.0/24")
	web := r.run("web", api.EndpointConfig{Network: "front", Aliases: []string{"www", "site"}})
	db := r.run("db", api.EndpointConfig{Network: "back", Aliases: []string{"site"}})
	both := r.run("both", on("back", "front")...)
	r.asks(web, "web", "10.53.0.2")
	r.asks(web, "WWW", "10.53.0.2")
	r.asks(web, "both", "10.53.0.3")
	r.asks(web, "both.front", "10.53.0.3")
	r.asks(web, "db")
	r.asks(web, "both.back")
	r.asks(db, "both", "10.54.0.3")
	r.asks(both, "site", "10.54.0.2") // the network that it joined first
	r.asks(both, shortID(db.box.rec.ID), "10.54.0.2")
	r.asksAt(web, "10.53.0.1", "both", "10.53.0.3")
	r.asksAt(both, "10.54.0.1", "web", "10.53.0.2")
	if got, err := both.lookup("127.0.0.11", "tcp", "web."); err != nil || !slices.Equal(got, []string{"10.53.0.2"}) {
		t.Errorf("over TCP: %v, %v", got, err)
	}
	must(t, r.Disconnect("front", "both", false))
	r.asks(web, "both")
	r.asks(both, "web")
	must(t, r.Connect("front", api.EndpointConfig{Aliases: []string{"again"}}, "both"))
	r.asks(web, "again", "10.53.0.3")
	r.stop("web")
	r.asks(both, "www")
	r.quiet()
}

// The network bridge has no names, as in Docker.
func TestNoNamesOnDefaultBridge(t *testing.T) {
	r := newRig(t, nil)
	a := r.run("a")
	r.run("b")
	if names, err := r.Names(""); len(names) != 0 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	r.asksAt(a, r.gateway("bridge", false).String(), "b")
	_, err := r.CreateContainer(api.ContainerCreate{Name: "c", Networks: []api.EndpointConfig{{Network: "bridge", Aliases: []string{"x"}}}})
	wants(t, "an alias on the network bridge", err, api.InvalidValue)
}
