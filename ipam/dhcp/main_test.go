package dhcp

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
)

// TestMain starts the program again in a user namespace when an ordinary user runs
// it: the tests are the same for both.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
		// The tests say what is missing.
	}
	os.Exit(m.Run())
}

// lan is a station with real clients in it, whose TAP device this process answers:
// the server, and as much of the gateway as makes its address reachable.
type lan struct {
	testnet.Station
	t   *testing.T
	dir string
	dev io.ReadWriteCloser
	srv *Server

	mu     sync.Mutex
	events []string // "bound 10.9.0.2"
}

// clientPort is the port that the station counts as.
const clientPort = 7

func newLAN(t *testing.T, change func(*Config)) *lan {
	t.Helper()
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "ip", "mount", "udhcpc", "dhclient", "dhcpcd", "rdisc6")
	testnet.NoLeaks(t)
	n := &lan{t: t, dir: t.TempDir()}
	box, err := sandbox.Create(sandbox.Config{Name: "station"})
	must(t, err)
	t.Cleanup(func() { must(t, box.Close()) })
	n.Station = testnet.Station{Box: box, Link: "eth0", MAC: macOf(1)}
	must(t, box.NetNS().SetSysctl("net.ipv6.conf.default.accept_dad", "0"))
	must(t, box.NetNS().SetSysctl("net.ipv6.conf.default.accept_ra", "2"))
	must(t, box.NetNS().SetSysctl("net.ipv6.conf.default.router_solicitation_delay", "0"))
	cfg := config(t, 50)
	cfg.OnLease = n.note
	cfg.Owner = func(frame.PortID) (Owner, bool) {
		return Owner{Container: "station", Hostname: "box", MACs: []frame.MAC{macOf(1)}}, true
	}
	if change != nil {
		change(&cfg)
	}
	n.srv = newServer(t, cfg)
	// What the clients write outside of the test's folder ends with the sandbox.
	for _, dir := range []string{"/run", "/var/lib"} {
		n.Run(t, "mount", "-t", "tmpfs", "none", dir)
	}
	n.Run(t, "mkdir", "-p", "/run/dhcpcd", "/var/lib/dhcpcd", "/var/lib/dhcp")
	n.plug()
	return n
}

func (n *lan) note(l Lease, e Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, string(e)+" "+l.Addr.String())
	return nil
}

// await waits until as many events of a lease have come.
func (n *lan) await(event string, times int) {
	n.t.Helper()
	ok := testnet.Eventually(func() bool { return n.count(event) >= times })
	if !ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.t.Fatalf("never came: %s; only %q; %+v", event, n.events, n.srv.Stats())
	}
}

func (n *lan) count(event string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e == event {
			times++
		}
	}
	return times
}

// plug opens the device and answers what comes out of it until the test ends.
func (n *lan) plug() {
	dev, err := tap.OpenPlain(n.Box.NetNS(), "eth0", macOf(1))
	must(n.t, err)
	n.dev = dev
	var wg sync.WaitGroup
	wg.Go(n.serve)
	n.t.Cleanup(func() {
		dev.Close()
		wg.Wait()
	})
}

func (n *lan) serve() {
	b := make([]byte, 4096)
	for {
		got, err := n.dev.Read(b)
		if err != nil {
			return
		}
		for _, out := range n.answer(time.Now(), b[:got]) {
			n.dev.Write(out)
		}
	}
}

// answer is the gateway: ARP, neighbour discovery, and the three services.
func (n *lan) answer(now time.Time, b []byte) (out [][]byte) {
	var info frame.Info
	if frame.Parse(b, &info) != frame.Accepted {
		return nil
	}
	f := frame.Frame{Buf: b, Len: len(b), Info: info}
	switch {
	case info.Flags&frame.FlagARP != 0:
		return gatewayARP(f.ARP())
	case info.L4 == 0:
	case info.Proto == frame.ProtoICMPv6 && f.ICMPv6().Type() == frame.ICMPv6RouterSol:
		out, _ = n.srv.Solicit(now, clientPort, b)
	case info.Proto == frame.ProtoICMPv6 && f.ICMPv6().Type() == frame.ICMPv6NeighborSol && f.ICMPv6().NDPTarget() == linkLocal:
		return [][]byte{testnet.Advertisement(info.Src, serverMAC, linkLocal, f.IPv6().Src(), linkLocal, serverMAC)}
	case info.Proto == frame.ProtoUDP && f.UDP().DstPort() == serverPort4:
		out, _ = n.srv.Serve4(now, clientPort, b)
	case info.Proto == frame.ProtoUDP && f.UDP().DstPort() == serverPort6:
		out, _ = n.srv.Serve6(now, clientPort, b)
	}
	for _, o := range out {
		if _, err := judge(o, n.srv.cfg.MTU); err != nil {
			n.t.Error(err)
		}
	}
	return out
}

func gatewayARP(a frame.ARP) [][]byte {
	if a.Op() != frame.ARPRequest || a.TPA() != gateway {
		return nil
	}
	b := make([]byte, frame.EthernetLen+frame.ARPLen)
	p := frame.EthernetFields{Dst: a.SHA(), Src: serverMAC, EtherType: frame.TypeARP}.Encode(b)
	frame.ARPFields{Op: frame.ARPReply, SHA: serverMAC, SPA: gateway, THA: a.SHA(), TPA: a.SPA()}.Encode(p)
	return [][]byte{b}
}

// file writes a file for a client and returns its path.
func (n *lan) file(name string, mode os.FileMode, text string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	must(n.t, os.WriteFile(path, []byte(text), mode))
	return path
}

// has waits until the interface has an address, or has it no more.
func (n *lan) has(addr string, want bool) {
	n.t.Helper()
	var out string
	if !testnet.Eventually(func() bool {
		out = n.Run(n.t, "ip", "-o", "addr", "show", "dev", "eth0")
		return contains(out, addr) == want
	}) {
		n.t.Fatalf("address %s: want %v\n%s", addr, want, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
