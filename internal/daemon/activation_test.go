package daemon

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/sandbox/keeper"
	"vswitch/internal/testnet"
	"vswitch/portfwd"
)

// inheritance makes sockets that a switch process could find: one that publishes,
// bound to at, a unix one, and what is none. They are named.
func inheritance(t *testing.T) (all []*os.File, at netip.AddrPort) {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	local, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix"})
	must(t, err)
	null, err := os.Open(os.DevNull)
	must(t, err)
	for name, c := range map[string]syscall.Conn{"dns.socket": udp, "local.socket": local, "null": null} {
		raw, err := c.SyscallConn()
		must(t, err)
		must(t, raw.Control(func(fd uintptr) {
			var twin int
			if twin, err = syscall.Dup(int(fd)); err == nil {
				syscall.CloseOnExec(twin)
				all = append(all, os.NewFile(uintptr(twin), name))
			}
		}))
		must(t, err)
	}
	for _, c := range []interface{ Close() error }{udp, local, null} {
		must(t, c.Close())
	}
	return all, udp.LocalAddr().(*net.UDPAddr).AddrPort()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A socket that cannot publish is a finding with its name, and the others are used.
func TestInheritedSockets(t *testing.T) {
	testnet.NoLeaks(t)
	all, at := inheritance(t)
	d := &Daemon{log: slog.New(slog.DiscardHandler), kept: &keeper.Switch{Sockets: all}}
	pool := d.sockets()
	found := map[string]string{}
	for _, f := range d.findings {
		if f.Error.Code != api.InvalidValue || f.Error.Fix == "" {
			t.Errorf("finding %+v", f.Error)
		}
		found[f.Error.Message] = f.Error.Why
	}
	for name, why := range map[string]string{"local.socket": "neither TCP nor UDP", "null": "not a socket"} {
		got := found[`cannot publish ports with the socket "`+name+`" that the switch was started with`]
		if !strings.HasPrefix(got, why) {
			t.Errorf("%s: %q, want %q", name, got, why)
		}
	}
	if len(found) != 2 {
		t.Errorf("findings %q", found)
	}
	bound, err := portfwd.NewAllocator(portfwd.AllocatorConfig{Inherited: pool}).Allocate(portfwd.Request{
		Spec:   portfwd.Spec{Proto: portfwd.UDP, HostIP: at.Addr(), HostPort: at.Port(), HostPortEnd: at.Port(), Port: 53},
		Target: portfwd.Target{V4: netip.MustParseAddr("10.1.0.2")},
	})
	must(t, err)
	if len(bound) != 1 || !bound[0].Activated() {
		t.Errorf("published by %v", bound)
	}
	for _, b := range bound {
		must(t, b.Close())
	}
	must(t, pool.Close())
}

// Without sockets the pool is empty, and nothing is found.
func TestNoInheritedSockets(t *testing.T) {
	d := &Daemon{log: slog.New(slog.DiscardHandler), kept: &keeper.Switch{}}
	if pool := d.sockets(); pool == nil || pool.Close() != nil || len(d.findings) != 0 {
		t.Errorf("pool %v, findings %+v", pool, d.findings)
	}
}
