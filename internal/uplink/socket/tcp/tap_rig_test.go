package tcp

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/netnsx"
	"vswitch/internal/tap"
	ut "vswitch/internal/uplink/uplinktest"
)

// tapRig is a shard with a real kernel as its container: a namespace with a TAP.
type tapRig struct {
	*rig
	pump *ut.Pump
	ns   *netnsx.NS
}

func newTapRig(t testing.TB, mtu int, edit ...func(*Config)) *tapRig {
	t.Helper()
	ns, err := netnsx.New()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	cfg := tap.Config{
		NS: ns, Name: "eth0", MAC: ut.Alice4.MAC, MTU: mtu,
		Addrs:    []netip.Prefix{netip.PrefixFrom(ut.Alice4.Addr, 24)},
		Gateways: []netip.Addr{ut.TestNet().Addr4},
	}
	peers := []netip.Addr{ut.TestNet().Addr4, ut.Loopback4}
	if mtu >= 1280 {
		cfg.Addrs = append(cfg.Addrs, netip.PrefixFrom(ut.Alice6.Addr, 64))
		cfg.Gateways = append(cfg.Gateways, ut.TestNet().Addr6)
		peers = append(peers, ut.TestNet().Addr6, ut.Loopback6)
	}
	d, err := tap.Open(cfg)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skip("NEEDS-TUN: cannot open a TAP device:", err)
	}
	must(t, err)
	t.Cleanup(func() { d.Close() })
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	for _, a := range peers {
		must(t, h.SetNeighbour("eth0", a, ut.GatewayMAC))
	}
	r := newRig(t, edit...)
	r.Net.MTU = mtu
	return &tapRig{rig: r, pump: ut.NewPump(r.Worker, d), ns: ns}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects from the container to the server, while the pump runs.
func (r *tapRig) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	var c net.Conn
	must(t, r.ns.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", r.to().String(), 5*time.Second)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// pour writes n random bytes in pieces of random size, pausing now and then, closes
// that way, and sends the sum.
func pour(c *net.TCPConn, n int64, seed uint64, stalls bool, sum chan<- [32]byte) {
	r, h := rand.New(rand.NewPCG(seed, 0)), sha256.New()
	buf := make([]byte, 256<<10)
	fill(buf, r)
	for n > 0 {
		k := 1 + r.IntN(4000)
		if r.IntN(2) == 0 {
			k = 1 + r.IntN(len(buf))
		}
		at := r.IntN(64)
		b := buf[at : at+int(min(int64(k), n, int64(len(buf)-at)))]
		if _, err := c.Write(b); err != nil {
			break
		}
		h.Write(b)
		n -= int64(len(b))
		if stalls && r.IntN(200) == 0 {
			time.Sleep(time.Duration(r.IntN(3e6)))
		}
	}
	c.CloseWrite()
	sum <- [32]byte(h.Sum(nil))
}

func fill(b []byte, r *rand.Rand) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// drain reads to the end, pausing now and then, and sends the sum.
func drain(c *net.TCPConn, seed uint64, stalls bool, sum chan<- [32]byte) {
	r, h := rand.New(rand.NewPCG(seed, 1)), sha256.New()
	buf := make([]byte, 128<<10)
	for {
		n, err := c.Read(buf[:1+r.IntN(len(buf))])
		h.Write(buf[:n])
		if err != nil {
			if err != io.EOF {
				h.Write([]byte(err.Error()))
			}
			break
		}
		if stalls && r.IntN(100) == 0 {
			time.Sleep(time.Duration(r.IntN(5e6)))
		}
	}
	sum <- [32]byte(h.Sum(nil))
}
