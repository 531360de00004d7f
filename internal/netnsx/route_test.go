package netnsx

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// echo sends a line over TCP from one namespace to a listener in another.
func echo(t *testing.T, from, to *NS, addr string) {
	t.Helper()
	var l net.Listener
	must(t)(to.Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	}))
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	must(t)(from.Do(func() error {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "hello"); err != nil {
			return err
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
			t.Errorf("echo from %s: %q, %v", addr, got, err)
		}
		return nil
	}))
}

func TestAddresses(t *testing.T) {
	a, _ := pair(t)
	v4, v6 := netip.MustParsePrefix("192.0.2.5/24"), netip.MustParsePrefix("2001:db8::5/64")
	must(t)(a.AddAddr("va", v4, NoDAD))
	must(t)(a.AddAddr("va", v6, NoDAD))
	addrs, err := a.Addrs("va")
	must(t)(err)
	for _, p := range []netip.Prefix{v4, v6} {
		if !slices.Contains(addrs, Addr{Prefix: p}) {
			t.Errorf("%v lacks %v, usable at once", addrs, p)
		}
	}
	if err := a.AddAddr("va", v4); !errors.Is(err, unix.EEXIST) {
		t.Errorf("address added twice: %v", err)
	}
	must(t)(a.DelAddr("va", v4))
	must(t)(a.DelAddr("va", v6))
	if err := a.DelAddr("va", v4); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("address taken away twice: %v", err)
	}
	for _, call := range []func(string, netip.Prefix) error{a.DelAddr, func(s string, p netip.Prefix) error { return a.AddAddr(s, p) }} {
		if err := call("va", netip.Prefix{}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("no address at all: %v", err)
		}
	}
}

func TestRoutes(t *testing.T) {
	a, _ := pair(t)
	must(t)(a.AddAddr("va", netip.MustParsePrefix("192.0.2.5/24")))
	must(t)(a.AddAddr("va", netip.MustParsePrefix("2001:db8::5/64"), NoDAD))
	gw4, gw6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	must(t)(a.AddDefault("va", gw4))
	must(t)(a.AddDefault("va", gw6))
	must(t)(a.AddRoute(Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Gateway: gw4}))
	must(t)(a.AddRoute(Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Link: "va", Metric: 7}))
	moved := Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Gateway: netip.MustParseAddr("192.0.2.9"), Link: "va"}
	must(t)(a.SetRoute(moved))

	routes, err := a.Routes()
	must(t)(err)
	for _, want := range []Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gw4, Link: "va"},
		{Dst: netip.MustParsePrefix("::/0"), Gateway: gw6, Link: "va", Metric: 1024},
		{Dst: netip.MustParsePrefix("203.0.113.0/24"), Link: "va", Metric: 7},
		moved,
	} {
		if !slices.Contains(routes, want) {
			t.Errorf("no route %v in %+v", want, routes)
		}
	}
	must(t)(a.DelRoute(moved))
	if err := a.DelRoute(moved); !errors.Is(err, unix.ESRCH) {
		t.Errorf("route deleted twice: %v", err)
	}
}

func TestRouteErrors(t *testing.T) {
	a, _ := pair(t)
	for name, c := range map[string]struct {
		r    Route
		want error
	}{
		"nothing said":        {Route{}, unix.EINVAL},
		"unreachable gateway": {Route{Gateway: netip.MustParseAddr("192.0.2.1")}, unix.ENETUNREACH},
		"missing link":        {Route{Gateway: netip.MustParseAddr("192.0.2.1"), Link: "nope0"}, ErrNoLink},
	} {
		if err := a.AddRoute(c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRouteText(t *testing.T) {
	gw := netip.MustParseAddr("192.0.2.1")
	for want, r := range map[string]Route{
		"default via 192.0.2.1 dev eth0": {Gateway: gw, Link: "eth0"},
		"10.0.0.0/8 via 192.0.2.1":       {Dst: netip.MustParsePrefix("10.0.0.0/8"), Gateway: gw},
		"10.0.0.0/8 dev eth0":            {Dst: netip.MustParsePrefix("10.0.0.0/8"), Link: "eth0"},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPermanentNeighbour(t *testing.T) {
	a, _ := pair(t)
	for _, s := range []string{"192.0.2.77", "2001:db8::77"} {
		addr := netip.MustParseAddr(s)
		must(t)(a.SetNeighbour("va", addr, macB))
		all, err := a.Neighbours("va")
		must(t)(err)
		if !slices.Contains(all, Neighbour{Addr: addr, MAC: macB, State: "permanent"}) {
			t.Errorf("%+v lacks %s", all, s)
		}
	}
	if s := neighbourState(0); s != "none" {
		t.Errorf("state 0 is %q", s)
	}
}
