package netnsx

import (
	"errors"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

const (
	macA frame.MAC = 0x02_00_00_00_00_0a
	macB frame.MAC = 0x02_00_00_00_00_0b
)

// pair makes two namespaces with a veth pair between them, both ends up.
func pair(t *testing.T) (a, b *Handle) {
	t.Helper()
	na, nb := newNS(t), newNS(t)
	must(t)(MakeVeth(End{na, "va", macA}, End{nb, "vb", macB}, 1400))
	a, b = handle(t, na), handle(t, nb)
	must(t)(a.Up("va"))
	must(t)(b.Up("vb"))
	return a, b
}

func link(t *testing.T, h *Handle, name string) Link {
	t.Helper()
	l, err := h.Link(name)
	must(t)(err)
	return l
}

func TestVethPair(t *testing.T) {
	a, b := pair(t)
	la, lb := link(t, a, "va"), link(t, b, "vb")
	if la.MAC != macA || lb.MAC != macB {
		t.Errorf("addresses %v and %v", la.MAC, lb.MAC)
	}
	if la.MTU != 1400 || lb.MTU != 1400 || la.Kind != "veth" || !la.Up || !la.Carrier {
		t.Errorf("ends %+v and %+v", la, lb)
	}
	if _, err := b.Link("va"); !errors.Is(err, ErrNoLink) {
		t.Errorf("first end seen in the second namespace: %v", err)
	}
	must(t)(a.Delete("va"))
	if _, err := b.Link("vb"); !errors.Is(err, ErrNoLink) {
		t.Errorf("second end outlived the first: %v", err)
	}
}

func TestVethNameTaken(t *testing.T) {
	na, nb := newNS(t), newNS(t)
	must(t)(MakeVeth(End{NS: na, Name: "v"}, End{NS: nb, Name: "v"}, 0))
	if err := MakeVeth(End{NS: na, Name: "v"}, End{NS: nb, Name: "w"}, 0); !errors.Is(err, unix.EEXIST) {
		t.Errorf("second device of one name: %v", err)
	}
}

func TestLinkAttributes(t *testing.T) {
	a, _ := pair(t)
	must(t)(a.Down("va"))
	must(t)(a.SetMTU("va", 9000))
	must(t)(a.SetMAC("va", 0x02_11_22_33_44_55))
	must(t)(a.SetTxQueueLen("va", 77))
	must(t)(a.SetGSOMaxSize("va", 60000))
	must(t)(a.SetGROMaxSize("va", 50000))
	must(t)(a.Rename("va", "eth0"))
	got := link(t, a, "eth0")
	got.Stats, got.Index = Stats{}, 0
	want := Link{
		Name: "eth0", Kind: "veth", MTU: 9000, MAC: 0x02_11_22_33_44_55,
		TxQueueLen: 77, GSOMaxSize: 60000, GROMaxSize: 50000,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestQdisc(t *testing.T) {
	a, _ := pair(t)
	for _, q := range []Qdisc{PFIFO(16), NoQueue, PFIFO(1000)} {
		must(t)(a.SetRootQdisc("va", q))
		kind, err := a.RootQdisc("va")
		must(t)(err)
		if kind != q.kind {
			t.Errorf("qdisc is %s, want %s", kind, q.kind)
		}
	}
	if err := a.SetRootQdisc("va", Qdisc{kind: "nonsense"}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("unknown qdisc: %v", err)
	}
}

// The oracle of many other tests: a bridge of the kernel's with two ports carries
// ARP and TCP between two namespaces.
func TestBridgeCarriesTraffic(t *testing.T) {
	nb, n1, n2 := newNS(t), newNS(t), newNS(t)
	br, h1, h2 := handle(t, nb), handle(t, n1), handle(t, n2)
	must(t)(br.MakeBridge("br0"))
	must(t)(br.Up("br0"))
	for i, n := range []*NS{n1, n2} {
		port := []string{"p1", "p2"}[i]
		must(t)(MakeVeth(End{NS: n, Name: "eth0"}, End{NS: nb, Name: port}, 0))
		must(t)(br.Enslave(port, "br0"))
		must(t)(br.Up(port))
	}
	must(t)(h1.Up("eth0"))
	must(t)(h2.Up("eth0"))
	must(t)(h1.AddAddr("eth0", netip.MustParsePrefix("10.9.0.1/24")))
	must(t)(h2.AddAddr("eth0", netip.MustParsePrefix("10.9.0.2/24")))
	echo(t, n1, n2, "10.9.0.2:0")

	if br0 := link(t, br, "br0"); link(t, br, "p1").Master != br0.Index || br0.Kind != "bridge" {
		t.Errorf("port's master is not the bridge %+v", br0)
	}
	if s := link(t, br, "p1").Stats; s.RxPackets == 0 || s.TxPackets == 0 || s.RxBytes == 0 || s.TxBytes == 0 {
		t.Errorf("counters of a port that carried traffic: %+v", s)
	}
	checkNeighbour(t, h1, "10.9.0.2", link(t, h2, "eth0").MAC)

	must(t)(br.Release("p1"))
	if m := link(t, br, "p1").Master; m != 0 {
		t.Errorf("released port has master %d", m)
	}
	if err := br.Enslave("p1", "br9"); !errors.Is(err, ErrNoLink) {
		t.Errorf("missing bridge: %v", err)
	}
}

func checkNeighbour(t *testing.T, h *Handle, addr string, mac frame.MAC) {
	t.Helper()
	all, err := h.Neighbours("eth0")
	must(t)(err)
	for _, n := range all {
		if n.Addr == netip.MustParseAddr(addr) && n.MAC == mac && n.State != "none" {
			return
		}
	}
	t.Errorf("neighbours %+v lack %s at %s", all, addr, mac)
}

// A table that changes under a dump interrupts it: the list is asked for again.
func TestListsWhileLinksComeAndGo(t *testing.T) {
	n := newNS(t)
	h, churn := handle(t, n), handle(t, n)
	for i := range 60 {
		must(t)(h.MakeBridge("keep" + string(rune('0'+i/10)) + string(rune('0'+i%10))))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := errors.Join(churn.MakeBridge("churn"), churn.Delete("churn")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 100 {
		links, err := h.Links()
		if err != nil || len(links) < 61 {
			t.Errorf("%d links, %v", len(links), err)
			break
		}
	}
	close(stop)
	wg.Wait()
}

func TestHandleServesManyAtOnce(t *testing.T) {
	a, _ := pair(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				if i%2 == 0 {
					if l, err := a.Link("va"); err != nil || l.Name != "va" {
						t.Errorf("%+v, %v", l, err)
					}
				} else if err := a.SetRootQdisc("va", PFIFO(uint32(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
