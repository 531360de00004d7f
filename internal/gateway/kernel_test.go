package gateway

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
)

// wire is the least switch that two real stations can talk through: one of network
// a and one of network r, each with its TAP, and nothing between them but the two
// gateways. It is every Outbox.
type wire struct {
	t     testing.TB
	rig   *rig
	ends  [2]*end
	wg    sync.WaitGroup
	stop  [2]int // a pipe
	start time.Time

	batch   *frame.Batch
	at      *end // whose frames are served
	ledger  frame.Ledger
	replies []*frame.Frame
}

// end is a station with its TAP and the gateway of its network.
type end struct {
	*testnet.Station
	gateway *Gateway
	port    frame.PortID // of the gateway
	dev     *tap.Device
}

// newWire makes both networks routed ones.
func newWire(t *testing.T) *wire {
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "ping", "arping", "traceroute", "rdisc6", "ndisc6", "ip")
	w := &wire{t: t, start: time.Now()}
	w.rig = newRig(t, func(c *Config) {
		c.Routed4, c.Routed6, c.RouterSolicit = true, true, advertiser{w}
		c.Limits.Error = Limit{1e5, 1e5}
		c.Limits.Errors = Limit{1e5, 1e5}
	})
	w.ends[0] = w.end("a", w.rig.Gateway, portA, askMAC, 1500, gw4, gw6, prefixes("10.0.0.10/24", "fd00:a::10/64"))
	w.ends[1] = w.end("r", w.rig.r, portR, farMAC, 1400, r4, r6, prefixes("10.0.2.12/24", "fd00:c::12/64"))
	slab, err := frame.NewSlab(16)
	must(t, err)
	w.batch = frame.NewBatch(slab)
	must(t, unix.Pipe2(w.stop[:], unix.O_CLOEXEC))
	w.wg.Go(w.run)
	t.Cleanup(func() {
		unix.Close(w.stop[1])
		w.wg.Wait()
		unix.Close(w.stop[0])
		slab.Close()
	})
	return w
}

func (w *wire) end(name string, g *Gateway, port frame.PortID, mac frame.MAC, mtu int, v4, v6 netip.Addr, addrs []netip.Prefix) *end {
	w.t.Helper()
	box, err := sandbox.Create(sandbox.Config{Name: name})
	must(w.t, err)
	w.t.Cleanup(func() { box.Close() })
	dev, err := tap.Open(tap.Config{
		NS: box.NetNS(), Name: "eth0", MAC: mac, MTU: mtu, Addrs: addrs, Gateways: []netip.Addr{v4, v6},
		Sysctls: map[string]string{"net.ipv6.conf.all.accept_ra": "0"},
	})
	must(w.t, err)
	w.t.Cleanup(func() { dev.Close() })
	st := &testnet.Station{Box: box, Link: "eth0", MAC: mac, V4: addrs[0].Addr(), V6: addrs[1].Addr()}
	return &end{Station: st, gateway: g, port: port, dev: dev}
}

// run carries frames until the pipe closes.
func (w *wire) run() {
	for {
		fds := []unix.PollFd{{Fd: int32(w.stop[0])}}
		for _, e := range w.ends {
			fds = append(fds, unix.PollFd{Fd: int32(e.dev.FD()), Events: unix.POLLIN})
		}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) || fds[0].Revents != 0 {
			return
		}
		for _, e := range w.ends {
			w.carry(e)
		}
	}
}

// carry serves what one station has sent.
func (w *wire) carry(e *end) {
	if _, err := e.dev.Read(w.batch, &w.ledger); err != nil {
		w.t.Error(err)
		return
	}
	w.at = e
	live := w.batch.Live()
	for i := range live {
		f := &live[i]
		if f.Parse() == frame.Accepted && offload.Check(f) == frame.Accepted {
			e.gateway.Serve(w, []*frame.Frame{f})
		}
	}
	for _, f := range w.replies {
		e.dev.Write([]*frame.Frame{f}, &w.ledger)
	}
	w.replies = w.replies[:0]
}

func (w *wire) Now() int64              { return int64(time.Since(w.start)) }
func (w *wire) Worker() int             { return 0 }
func (w *wire) From() frame.PortID      { return w.at.port + 10 }
func (w *wire) Ledger() *frame.Ledger   { return &w.ledger }
func (w *wire) Owned(*frame.Frame) bool { return true }

func (w *wire) Reply(n int) []byte {
	f := slot(make([]byte, n))
	w.replies = append(w.replies, f)
	return f.Bytes()
}

func (w *wire) Reenter(f *frame.Frame, port frame.PortID) {
	for _, e := range w.ends {
		if e.port == port && e.MAC == f.Dst {
			e.dev.Write([]*frame.Frame{f}, &w.ledger)
		}
	}
}

// advertiser answers router solicitations at once, which a real service would do
// elsewhere.
type advertiser struct{ w *wire }

func (a advertiser) Take(_ frame.PortID, f *frame.Frame) frame.Reason {
	b := ndp(255, gwLL, allNodes, 134, &layers.ICMPv6RouterAdvertisement{
		HopLimit: 64, RouterLifetime: 1800,
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: gwMAC.HardwareAddr()}},
	})
	frame.Ethernet(b).SetSrc(gwMAC)
	copy(a.w.Reply(len(b)), b)
	return frame.Consumed
}

// TestKernel: the programs that people try a gateway with, and the kernel itself.
func TestKernel(t *testing.T) {
	w := newWire(t)
	a := w.ends[0]
	says := func(t *testing.T, want string, args ...string) {
		t.Helper()
		if out := a.Run(t, args...); !strings.Contains(out, want) {
			t.Errorf("%q does not say %q:\n%s", args, want, out)
		}
	}
	t.Run("ping", func(t *testing.T) {
		for _, addr := range []netip.Addr{gw4, gw6, b4, r6, far4, far6} {
			a.MustPing(t, addr, 3)
		}
		says(t, "3 received", "ping", "-n", "-q", "-c", "3", "-i", "0.01", "-w", "20", gwLL.String()+"%eth0")
		a.MustPing(t, gw4, 3, "-s", "1472", "-M", "do")
		a.MustPing(t, gw6, 3, "-s", "1452", "-M", "do")
		for _, addr := range []netip.Addr{gw4, gw6, b4} { // in fragments, there and back
			a.MustPing(t, addr, 3, "-s", "4000")
			a.MustPing(t, addr, 3, "-s", "65000")
		}
	})
	t.Run("ping is told", func(t *testing.T) {
		for _, c := range []struct {
			want string
			addr netip.Addr
			more []string
		}{
			{"Net Unreachable", outside4, nil}, {"No route", outside6, nil}, {"Host Unreachable", ip("10.0.2.99"), nil},
			{"Address unreachable", ip("fd00:c::99"), nil}, {"Time to live exceeded", far4, []string{"-t", "1"}},
			{"Hop limit", far6, []string{"-t", "1"}}, {"mtu = 1400", far4, []string{"-s", "1472", "-M", "do"}},
		} {
			args := append([]string{"ping", "-n", "-c", "1", "-w", "20"}, c.more...)
			if out, _ := a.Try(t, append(args, c.addr.String())...); !strings.Contains(out, c.want) {
				t.Errorf("%v: ping is not told %q:\n%s", c.addr, c.want, out)
			}
		}
	})
	t.Run("arping", func(t *testing.T) {
		for addr, mac := range map[netip.Addr]frame.MAC{gw4: gwMAC, next4: nextMAC} {
			says(t, strings.ToUpper(mac.String()), "arping", "-c", "1", "-w", "20", "-I", "eth0", addr.String())
		}
		// Duplicate address detection: an answer is a failure.
		for addr, free := range map[netip.Addr]bool{next4: false, gw4: false, ask4: true} {
			if out, code := a.Try(t, "arping", "-D", "-c", "1", "-w", "1", "-I", "eth0", addr.String()); (code == 0) != free {
				t.Errorf("arping -D %v: exit code %d\n%s", addr, code, out)
			}
		}
	})
	t.Run("discovery", func(t *testing.T) {
		says(t, strings.ToUpper(gwMAC.String()), "ndisc6", "-1", gw6.String(), "eth0")
		says(t, strings.ToUpper(nextMAC.String()), "ndisc6", "-1", next6.String(), "eth0")
		says(t, "1800", "rdisc6", "-1", "eth0")
	})
	t.Run("traceroute", func(t *testing.T) {
		for _, v := range [][2]netip.Addr{{gw4, far4}, {gw6, far6}} {
			out := a.Run(t, "traceroute", "-n", "-q", "1", v[1].String())
			first, last := strings.Index(out, " 1  "+v[0].String()), strings.Index(out, " 2  "+v[1].String())
			if first < 0 || last < first {
				t.Errorf("traceroute:\n%s", out)
			}
		}
	})
	t.Run("refused", func(t *testing.T) { w.refused(t) })
	t.Run("duplicate address", func(t *testing.T) { w.duplicate(t) })
	t.Run("stream", func(t *testing.T) { w.stream(t) })
}

// refused: a closed port of the gateway is one for the kernel, too.
func (w *wire) refused(t *testing.T) {
	for _, addr := range []netip.Addr{gw4, gw6} {
		to := netip.AddrPortFrom(addr, 81).String()
		w.ends[0].Do(t, func() error {
			if _, err := net.Dial("tcp", to); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("TCP to %s: %v", to, err)
			}
			conn, err := net.Dial("udp", to)
			if err != nil {
				return err
			}
			defer conn.Close()
			conn.Write([]byte("x"))
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("UDP to %s: %v", to, err)
			}
			return nil
		})
	}
}

// duplicate: the kernel finds out that an address is taken.
func (w *wire) duplicate(t *testing.T) {
	a := w.ends[0]
	a.Run(t, "ip", "address", "add", next6.String()+"/64", "dev", "eth0")
	if !testnet.Eventually(func() bool {
		return strings.Contains(a.Run(t, "ip", "-6", "address", "show", "dev", "eth0", "dadfailed"), next6.String())
	}) {
		t.Error("the kernel took an address that a neighbour has")
	}
}

// stream: TCP in super-frames into a network with a smaller MTU, and back.
func (w *wire) stream(t *testing.T) {
	data := bytes.Repeat([]byte("sixteen bytes..."), 1<<17)
	for _, addr := range []netip.Addr{far4, far6} {
		var l net.Listener
		w.ends[1].Do(t, func() (err error) {
			l, err = net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
			return err
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			if conn, err := l.Accept(); err == nil {
				io.Copy(conn, conn)
				conn.Close()
			}
		})
		var conn net.Conn
		w.ends[0].Do(t, func() (err error) {
			conn, err = net.Dial("tcp", l.Addr().String())
			return err
		})
		wg.Go(func() {
			conn.Write(data)
			conn.(*net.TCPConn).CloseWrite()
		})
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v: %d bytes came back of %d, %v", addr, len(got), len(data), err)
		}
		conn.Close()
		l.Close()
		wg.Wait()
	}
}
