package report

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink"
)

// judge is a real kernel behind a TAP: whatever it sends to the outside is answered with
// the same error.
type judge struct {
	station testnet.Station
	dev     *tap.Device
	net     *uplink.Net
	outbox  *outbox
	mu      sync.Mutex
	err     Error
}

func newJudge(t *testing.T) *judge {
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "ip")
	box, err := sandbox.Create(sandbox.Config{Name: "judge"})
	must(t, err)
	t.Cleanup(func() { box.Close() })
	dev, err := tap.Open(tap.Config{
		NS: box.NetNS(), Name: "eth0", MAC: conMAC, MTU: 1500,
		Addrs:    []netip.Prefix{netip.PrefixFrom(con4, 24), netip.PrefixFrom(con6, 64)},
		Gateways: []netip.Addr{gw4, gw6},
	})
	must(t, err)
	t.Cleanup(func() { dev.Close() })
	h, err := box.NetNS().Netlink()
	must(t, err)
	defer h.Close()
	must(t, h.SetNeighbour("eth0", gw4, gwMAC))
	must(t, h.SetNeighbour("eth0", gw6, gwMAC))
	j := &judge{
		station: testnet.Station{Box: box, Link: "eth0", MAC: conMAC, V4: con4, V6: con6},
		dev:     dev, net: network(), outbox: newOutbox(),
	}
	j.serve(t)
	// A kernel sends from a new address of IPv6 before it knows that packets to it are
	// its own, which is the work of a thread.
	if !testnet.Eventually(func() bool {
		return strings.Contains(j.station.Run(t, "ip", "-6", "route", "show", "table", "local"), con6.String())
	}) {
		t.Fatal("the kernel has no route to its own address")
	}
	return j
}

// serve answers frames until the test ends.
func (j *judge) serve(t *testing.T) {
	var stop [2]int
	must(t, unix.Pipe2(stop[:], unix.O_CLOEXEC))
	slab, err := frame.NewSlab(16)
	must(t, err)
	batch := frame.NewBatch(slab)
	var wg sync.WaitGroup
	wg.Go(func() {
		var ledger frame.Ledger
		for {
			fds := []unix.PollFd{{Fd: int32(stop[0])}, {Fd: int32(j.dev.FD()), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) || fds[0].Revents != 0 {
				return
			}
			if _, err := j.dev.Read(batch, &ledger); err != nil {
				t.Error(err)
				return
			}
			for i := range batch.Live() {
				j.answer(&batch.Live()[i], &ledger)
			}
		}
	})
	t.Cleanup(func() {
		unix.Close(stop[1])
		wg.Wait()
		unix.Close(stop[0])
		slab.Close()
	})
}

// answer sends the error about a packet to the outside.
func (j *judge) answer(f *frame.Frame, ledger *frame.Ledger) {
	if f.Parse() != frame.Accepted || offload.Check(f) != frame.Accepted || f.L4 == 0 || f.Dst != gwMAC {
		return
	}
	q := Quote{Proto: f.Proto, Payload: f.Bytes()[f.L4 : uint32(f.L3)+f.L3Len]}
	if f.Flags&frame.FlagIPv4 != 0 {
		ip := f.IPv4()
		q.Src, q.Dst, q.TTL = netip.AddrPortFrom(ip.Src(), 0), netip.AddrPortFrom(ip.Dst(), 0), ip.TTL()
	} else {
		ip := f.IPv6()
		q.Src, q.Dst, q.TTL = netip.AddrPortFrom(ip.Src(), 0), netip.AddrPortFrom(ip.Dst(), 0), ip.HopLimit()
	}
	j.mu.Lock()
	e := j.err
	j.mu.Unlock()
	Send(j.outbox, j.net, conMAC, &q, &e)
	for _, f := range j.outbox.take() {
		j.dev.Write([]*frame.Frame{f}, ledger)
	}
}

func (j *judge) says(e Error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = e
}

// TestKernel: a kernel takes our errors for what they are, and gives them to the socket
// that they are about.
func TestKernel(t *testing.T) {
	j := newJudge(t)
	for _, c := range []struct {
		name     string
		says     Error
		udp, tcp syscall.Errno // 0: nothing is told
	}{
		{"port", local(unix.ECONNREFUSED), syscall.ECONNREFUSED, syscall.ECONNREFUSED},
		{"host", local(unix.EHOSTUNREACH), syscall.EHOSTUNREACH, syscall.EHOSTUNREACH},
		{"prohibited by ICMP", icmp(3, 13, 0), syscall.EHOSTUNREACH, syscall.EHOSTUNREACH},
	} {
		j.says(c.says)
		for _, to := range []netip.Addr{out4, out6} {
			if to == out6 && c.udp == syscall.EHOSTUNREACH && c.name != "host" {
				c.udp, c.tcp = syscall.EACCES, syscall.EACCES
			}
			j.station.Do(t, func() error {
				addr := netip.AddrPortFrom(to, 7).String()
				if got := udpError(addr, 32); got != c.udp {
					t.Errorf("%s: UDP to %v: %v, want %v", c.name, to, got, c.udp)
				}
				if _, err := net.DialTimeout("tcp", addr, 5*time.Second); !errors.Is(err, c.tcp) {
					t.Errorf("%s: TCP to %v: %v, want %v", c.name, to, err, c.tcp)
				}
				return nil
			})
		}
	}
	t.Run("net", func(t *testing.T) {
		j.says(local(unix.ENETUNREACH))
		j.station.Do(t, func() error {
			for _, to := range []netip.Addr{out4, out6} {
				if got := udpError(netip.AddrPortFrom(to, 7).String(), 32); got != syscall.ENETUNREACH {
					t.Errorf("UDP to %v: %v", to, got)
				}
			}
			return nil
		})
	})
	t.Run("too big", func(t *testing.T) { j.tooBig(t) })
}

// tooBig: the kernel learns the MTU, and tells the next who sends too much.
func (j *judge) tooBig(t *testing.T) {
	j.says(Error{Errno: unix.EMSGSIZE, Origin: unix.SO_EE_ORIGIN_LOCAL, Info: 1300})
	for _, to := range []netip.Addr{out4, out6} {
		j.station.Do(t, func() error {
			conn, err := dialUDP(netip.AddrPortFrom(to, 7).String())
			if err != nil {
				return err
			}
			defer conn.Close()
			if got := connError(conn, 1400); got != syscall.EMSGSIZE {
				return fmt.Errorf("a long datagram: %v", got)
			}
			if mtu, err := pathMTU(conn.(syscall.Conn), to); err != nil || mtu != 1300 {
				return fmt.Errorf("the path's MTU to %v is %d, %v", to, mtu, err)
			}
			return nil
		})
	}
}

func pathMTU(conn syscall.Conn, to netip.Addr) (mtu int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	level, name := unix.IPPROTO_IP, unix.IP_MTU
	if to.Is6() {
		level, name = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	if e := raw.Control(func(fd uintptr) { mtu, err = unix.GetsockoptInt(int(fd), level, name) }); e != nil {
		return 0, e
	}
	return mtu, err
}

// dialUDP makes a socket that is told of every error, not only of those that end it.
func dialUDP(addr string) (net.Conn, error) {
	d := net.Dialer{Control: func(network, _ string, raw syscall.RawConn) (err error) {
		level, name := unix.IPPROTO_IP, unix.IP_RECVERR
		if network == "udp6" {
			level, name = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		}
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, 1) }); e != nil {
			return e
		}
		return err
	}}
	return d.Dial("udp", addr)
}

func udpError(addr string, n int) syscall.Errno {
	conn, err := dialUDP(addr)
	if err != nil {
		return errnoOf(err)
	}
	defer conn.Close()
	return connError(conn, n)
}

// connError sends n bytes and returns what the socket then says.
func connError(conn net.Conn, n int) syscall.Errno {
	if _, err := conn.Write(make([]byte, n)); err != nil {
		return errnoOf(err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := conn.Read(make([]byte, 1))
	return errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	errno, _ := errors.AsType[syscall.Errno](err)
	return errno
}
