package tap

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/offload"
)

// cable wires two devices to each other until stopped: what a switch of two ports
// would do. look sees every frame before it is written.
type cable struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

func wire(t *testing.T, a, b *Device, look func(*frame.Frame)) *cable {
	t.Helper()
	c := &cable{stop: make(chan struct{})}
	for _, ends := range [][2]*Device{{a, b}, {b, a}} {
		from := collect(t, ends[0])
		c.wg.Go(func() { c.carry(t, from, ends[1], look) })
	}
	t.Cleanup(c.cut)
	return c
}

func (c *cable) carry(t *testing.T, from *collector, to *Device, look func(*frame.Frame)) {
	run := make([]*frame.Frame, 1)
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		fds := []unix.PollFd{{Fd: int32(from.d.FD()), Events: unix.POLLIN}}
		unix.Poll(fds, 10)
		if _, err := from.d.Read(from.batch, &from.ledger); err != nil {
			t.Error(err)
			return
		}
		live := from.batch.Live()
		for i := range live {
			if live[i].Parse() != frame.Accepted || offload.Check(&live[i]) != frame.Accepted {
				t.Errorf("the kernel sent a bad frame: %x", live[i].WithVnet()[:40])
				continue
			}
			look(&live[i])
			run[0] = &live[i]
			to.Write(run, &from.ledger)
		}
	}
}

func (c *cable) cut() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.wg.Wait()
}

// transfer sends data by TCP from one namespace into the other.
func transfer(t *testing.T, from, to *netnsx.NS, addr netip.Addr, data []byte) {
	t.Helper()
	var listener net.Listener
	must(t, to.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
		return err
	}))
	defer listener.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- from.Do(func() error {
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
	must(t, err)
	must(t, <-sent)
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes arrived, or others than the %d that were sent", len(got), len(data))
	}
}

// sizes remembers what kinds of frames went through.
type sizes struct {
	mu                     sync.Mutex
	longest, gso, unsummed int
}

func (s *sizes) look(f *frame.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(s.longest, f.Len-int(f.L3))
	if h := offload.Vnet(f.Vnet()); h.GSO() {
		s.gso++
	} else if h.Partial() {
		s.unsummed++
	}
}

// TestOffloads: what is granted is what the kernel makes use of. With TSO frames of
// a TCP sender are longer than the MTU, which shows that package water's queue has
// the virtio header; and the other kernel takes them as they are.
func TestOffloads(t *testing.T) {
	data := bytes.Repeat([]byte("sixteen bytes..."), 1<<17) // 2 MiB
	for _, c := range []struct {
		name          string
		max, want     Offloads
		super, summed bool
	}{
		{"all", 0, ladder[0], true, false},
		{"TSO for IPv4 only", Csum | TSO4, Csum | TSO4, true, false},
		{"checksums only", Csum, Csum, false, false},
		{"USO4 alone is not to be had", Csum | TSO4 | USO4, Csum | TSO4, true, false},
		{"TSO without checksums is not to be had", TSO4, 0, false, true},
		{"none", NoOffloads, 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			nsA, nsB := newNS(t), newNS(t)
			a := open(t, Config{NS: nsA, Name: "eth0", MAC: ourMAC, Addrs: []netip.Prefix{ours}, MaxOffloads: c.max})
			b := open(t, Config{NS: nsB, Name: "eth0", MAC: peerMAC, Addrs: []netip.Prefix{netip.PrefixFrom(peers, 24)}, MaxOffloads: c.max})
			if a.Offloads() != c.want {
				t.Fatalf("granted: %v, want %v", a.Offloads(), c.want)
			}
			var s sizes
			cable := wire(t, a, b, s.look)
			transfer(t, nsA, nsB, peers, data)
			cable.cut()
			if got := s.gso > 0 && s.longest > 1500; got != c.super {
				t.Errorf("super-frames: %v; %+v", got, &s)
			}
			if !c.super && s.longest > 1500 {
				t.Errorf("a packet of %d bytes", s.longest)
			}
			if got := s.gso+s.unsummed == 0; got != c.summed {
				t.Errorf("all checksums finished: %v; %+v", got, &s)
			}
		})
	}
}

// datagrams sends n UDP datagrams of that size from a namespace to the peer.
func datagrams(t *testing.T, ns *netnsx.NS, n, size int) {
	t.Helper()
	must(t, ns.Do(func() error {
		conn, err := net.Dial("udp", netip.AddrPortFrom(peers, 9).String())
		if err != nil {
			return err
		}
		defer conn.Close()
		for range n {
			if _, err := conn.Write(make([]byte, size)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func isUDP(size int) func(*frame.Frame) bool {
	return func(f *frame.Frame) bool {
		return f.Proto == frame.ProtoUDP && f.L4 != 0 && int(f.L3Len) == frame.IPv4Len+frame.UDPLen+size
	}
}

// TestReattach: a persistent device outlives its descriptor with all that was
// configured, and traffic goes on when it is opened again.
func TestReattach(t *testing.T) {
	ns := newNS(t)
	h := handle(t, ns)
	d := open(t, Config{NS: ns, Name: "eth0", MAC: ourMAC, MTU: 9000, Addrs: []netip.Prefix{ours}, Persist: true})
	must(t, h.SetNeighbour("eth0", peers, peerMAC))
	datagrams(t, ns, 1, 100)
	collect(t, d).until("a datagram", isUDP(100))
	must(t, d.Close())

	for round := range 3 {
		d = open(t, Config{NS: ns, Name: "eth0", Persist: true, Addrs: []netip.Prefix{ours}})
		l, err := h.Link("eth0")
		must(t, err)
		if l.MAC != ourMAC || l.MTU != 9000 || d.MTU() != 9000 || !l.Up {
			t.Errorf("round %d: %+v, MTU %d", round, l, d.MTU())
		}
		checkDescriptor(t, d)
		datagrams(t, ns, 1, 200+round)
		collect(t, d).until("a datagram", isUDP(200+round))
		must(t, d.Close())
	}
	if _, err := Open(Config{NS: ns, Name: "eth0", Persist: true, MTU: 1 << 20}); err == nil {
		t.Error("an MTU of 1 MiB")
	}
	if _, err := h.Link("eth0"); err != nil {
		t.Error("a device that was there before went with a failed attempt:", err)
	}
	must(t, h.Delete("eth0"))
}

// TestGone: a device that is deleted under us is told from one that is idle.
func TestGone(t *testing.T) {
	ns := newNS(t)
	d := open(t, Config{NS: ns, Name: "eth0"})
	c := collect(t, d)
	must(t, handle(t, ns).Delete("eth0"))
	eventually(t, "the error", func() bool {
		_, err := d.Read(c.batch, &c.ledger)
		return errors.Is(err, ErrGone)
	})
	c.batch.Frames[0].Enter(100)
	var l frame.Ledger
	d.Write([]*frame.Frame{&c.batch.Frames[0]}, &l)
	if l.Ends[frame.DropPortGone].Load() != 1 {
		t.Errorf("ends of a write: %v", &l.Ends)
	}
}

// TestDown: a device that is down takes no frame.
func TestDown(t *testing.T) {
	d := open(t, Config{NS: newNS(t), Name: "eth0"})
	must(t, d.SetUp(false))
	c := collect(t, d)
	c.batch.Frames[0].Enter(100)
	d.Write([]*frame.Frame{&c.batch.Frames[0]}, &c.ledger)
	if c.ledger.Ends[frame.DropPortDown].Load() != 1 {
		t.Errorf("ends: %v", &c.ledger.Ends)
	}
}

// TestRingDrops: what does not fit into the ring is counted by the kernel only.
func TestRingDrops(t *testing.T) {
	ns := newNS(t)
	d := open(t, Config{NS: ns, Name: "eth0", MAC: ourMAC, Addrs: []netip.Prefix{ours}, QueueLen: 4})
	must(t, handle(t, ns).SetNeighbour("eth0", peers, peerMAC))
	before, err := d.RingDrops()
	must(t, err)
	datagrams(t, ns, 100, 60)
	after, err := d.RingDrops()
	must(t, err)
	if after-before < 90 {
		t.Errorf("%d of 100 frames dropped by a ring of 4", after-before)
	}
}

// TestPlain: package water alone moves whole frames, one at a time, without a
// virtio header.
func TestPlain(t *testing.T) {
	ns := newNS(t)
	var d io.ReadWriteCloser
	noDescriptorLeft(t, func() {
		if d != nil {
			must(t, d.Close())
		}
		var err error
		d, err = OpenPlain(ns, "eth0", ourMAC, ours)
		must(t, err)
	})
	defer d.Close()
	must(t, handle(t, ns).SetNeighbour("eth0", peers, peerMAC))
	datagrams(t, ns, 1, 5000) // fragments: nothing is longer than the MTU
	buf := make([]byte, frame.SlotSize)
	for fragments := 0; fragments < 4; {
		n, err := d.Read(buf)
		must(t, err)
		var info frame.Info
		if r := frame.Parse(buf[:n], &info); r != frame.Accepted || n > 1514 {
			t.Fatalf("%d bytes, %v", n, r)
		}
		if info.Flags&frame.FlagFragment != 0 {
			fragments++
		}
	}
	if _, err := OpenPlain(ns, "eth1", 0x01005e000001); err == nil {
		t.Error("a group address was accepted")
	}
}
