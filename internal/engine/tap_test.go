package engine

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/tap"
	vswitch "vswitch/switch"
)

// host is a namespace with a real TAP device on the switch.
type host struct {
	ns   *netnsx.NS
	dev  *tap.Device
	id   frame.PortID
	addr netip.Addr
}

func (r *rig) host(i byte, persist bool) *host {
	r.t.Helper()
	ns, err := netnsx.New()
	if errors.Is(err, fs.ErrPermission) {
		r.t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	must(r.t, err)
	r.t.Cleanup(func() { ns.Close() })
	h := &host{ns: ns, addr: netip.AddrFrom4([4]byte{10, 7, 0, i})}
	h.dev, err = tap.Open(tap.Config{
		NS: ns, Name: "eth0", MAC: 0x02000a070000 + frame.MAC(i), Addrs: []netip.Prefix{netip.PrefixFrom(h.addr, 24)}, Persist: persist,
	})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		r.t.Skip("NEEDS-TUN:", err)
	}
	must(r.t, err)
	h.id, err = r.sw.AddPort(vswitch.PortConfig{})
	must(r.t, err)
	must(r.t, r.e.Attach(h.id, h.dev))
	r.t.Cleanup(func() {
		r.e.Close()
		h.dev.Close()
	})
	return h
}

// stream sends data by TCP from one host to the other.
func (h *host) stream(t *testing.T, to *host, data []byte) {
	t.Helper()
	var listener net.Listener
	must(t, to.ns.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(to.addr, 0).String())
		return err
	}))
	defer listener.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- h.ns.Do(func() error {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return err
			}
			_, err = conn.Write(data)
			return errors.Join(err, conn.Close())
		})
	}()
	conn, err := listener.Accept()
	must(t, err)
	defer conn.Close()
	got, err := io.ReadAll(conn)
	must(t, errors.Join(err, <-sent))
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes arrived, or others than the %d that were sent", len(got), len(data))
	}
}

// TestRealTAPs: TCP between two kernels through the whole loop, in super-frames.
func TestRealTAPs(t *testing.T) {
	data := bytes.Repeat([]byte("sixteen bytes..."), 1<<19) // 8 MiB
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b := r.host(1, false), r.host(2, false)
		a.stream(t, b, data)
		b.stream(t, a, data)
		var totals frame.Totals
		eventually(t, "a balance", func() bool { totals = r.e.Totals(); return totals.Balanced() })
		if mean := totals.TxBytes / totals.TxFrames; mean < 1514 {
			t.Errorf("frames of %d bytes on average: no super-frames", mean)
		}
		if totals.CopiedBytes != 0 {
			t.Errorf("%d payload bytes copied", totals.CopiedBytes)
		}
		for _, reason := range []frame.Reason{frame.DropVnet, frame.DropPortRefused, frame.DropWriteError, frame.DropMTU, frame.DropReadError} {
			if totals.Ends[reason] != 0 {
				t.Errorf("%v: %d frames", reason, totals.Ends[reason])
			}
		}
	})
}

// TestRealTAPDies: it is deleted while it is attached.
func TestRealTAPDies(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b := r.host(1, false), r.host(2, false)
		a.stream(t, b, []byte("hello"))
		must(t, a.dev.Delete())
		f := <-r.failed
		if f.id != a.id || !errors.Is(f.err, tap.ErrGone) {
			t.Errorf("port %d: %v", f.id, f.err)
		}
		asleep(t, r.e)
		must(t, r.sw.RemovePort(a.id))
		_, err := r.e.Detach(a.id)
		must(t, err)
		must(t, a.dev.Close())
		must(t, r.sw.ReleasePort(a.id))
		c := r.host(3, false)
		c.stream(t, b, []byte("the others go on"))
		if len(r.failed) != 0 {
			t.Errorf("also reported: %v", <-r.failed)
		}
	})
}

// TestRealTAPComesBack: an engine that ends lets go of a persistent device at once;
// the next one attaches to it and its container goes on.
func TestRealTAPComesBack(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		for range 3 {
			r := newRig(t, io, nil)
			a, b := r.host(1, true), r.host(2, true)
			a.stream(t, b, []byte("before"))
			must(t, r.e.Close())
			must(t, errors.Join(a.dev.Close(), b.dev.Close()))

			r = newRig(t, io, nil)
			for _, h := range []*host{a, b} {
				var err error
				h.dev, err = tap.Open(tap.Config{NS: h.ns, Name: "eth0", Persist: true})
				must(t, err)
				must(t, r.e.Attach(h.id, h.dev))
				if _, err := r.sw.AddPort(vswitch.PortConfig{}); err != nil {
					t.Fatal(err)
				}
			}
			a.stream(t, b, []byte("after"))
			must(t, r.e.Close())
			must(t, errors.Join(a.dev.Delete(), b.dev.Delete(), a.dev.Close(), b.dev.Close()))
		}
	})
}
