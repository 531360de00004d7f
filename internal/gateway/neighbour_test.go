package gateway

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"vswitch/internal/frame"
)

func numbered(i int) netip.Addr { return addr4(0x0a000000 + uint32(i)) }

// TestNeighboursModel compares the table with a map under random calls.
func TestNeighboursModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var table neighbours
	table.init()
	model := map[netip.Addr]Neighbour{}
	for range 20_000 {
		a := numbered(rnd.IntN(700))
		if rnd.IntN(3) == 0 {
			table.drop(a)
			delete(model, a)
		} else {
			nb := Neighbour{a, frame.MAC(rnd.Uint64() & 0xffffffffffff), "test"}
			table.set(nb)
			model[a] = nb
		}
		b := numbered(rnd.IntN(700))
		mac, ok := table.lookup(b)
		if want, in := model[b]; ok != in || mac != want.MAC {
			t.Fatalf("%v is %v %v, want %v %v", b, mac, ok, want.MAC, in)
		}
	}
	if table.n != len(model) {
		t.Errorf("counts %d, holds %d", table.n, len(model))
	}
	list := table.list()
	if len(list) != len(model) || !slices.IsSortedFunc(list, func(a, b Neighbour) int { return a.Addr.Compare(b.Addr) }) {
		t.Errorf("lists %d of %d, or unsorted", len(list), len(model))
	}
	for _, nb := range list {
		if model[nb.Addr] != nb {
			t.Errorf("lists %v, want %v", nb, model[nb.Addr])
		}
	}
}

// TestManyNeighbours: chains stay short, in both versions, so that what an entry
// costs does not depend on how many there are.
func TestManyNeighbours(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		var table neighbours
		table.init()
		for i := range 10_000 {
			a := numbered(i)
			if v6 {
				b := gw6.As16()
				b[14], b[15] = byte(i>>8), byte(i)
				a = netip.AddrFrom16(b)
			}
			table.set(Neighbour{Addr: a, MAC: frame.MAC(i)})
		}
		longest, c := 0, *table.table.Load()
		for i := range c {
			n := 0
			for e := c[i].Load(); e != nil; e = e.next {
				n++
			}
			longest = max(longest, n)
		}
		if table.n != 10_000 || longest > 16 {
			t.Errorf("IPv6 %v: %d entries, the longest chain has %d", v6, table.n, longest)
		}
	}
}

// TestNeighboursRace: readers always find an entry that is set and set again, also
// while the table grows; for the race detector too.
func TestNeighboursRace(t *testing.T) {
	r := newRig(t, nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, ok := r.Lookup(ask4); !ok || !r.Knows(gw4) {
					t.Error("an entry was gone for a moment")
					return
				}
				x := &box{from: portAsk}
				r.Serve(x, []*frame.Frame{parsed(ping(ask4, far4, nil)), parsed(arpRequest(1, askMAC, ask4, next4))})
			}
		})
	}
	for i := range 3000 {
		r.SetNeighbour(numbered(1000+i), frame.MAC(i), "test")
		r.SetNeighbour(ask4, askMAC, "test")
		r.DropNeighbour(numbered(1000 + i/2))
		if i%100 == 0 {
			must(t, r.Set(r.Config()))
			r.b.Close()
			must(t, r.b.Set(r.b.Config()))
		}
	}
	close(stop)
	wg.Wait()
}

func parsed(b []byte) *frame.Frame {
	f := slot(b)
	if r := f.Parse(); r != frame.Accepted {
		panic(fmt.Sprint("the test's frame is not one that reaches a gateway: ", r))
	}
	return f
}

func TestKnows(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		addr netip.Addr
		want bool
	}{
		{gw4, true}, {gw6, true}, {gwLL, true}, {next4, true}, {next6, true}, {netip.AddrFrom16(next4.As16()), true},
		{gwLL.WithZone("eth0"), true}, {ip("10.0.0.99"), false}, {b4, false}, {outside6, false}, {netip.Addr{}, false},
	} {
		if got := r.Knows(c.addr); got != c.want {
			t.Errorf("knows %v: %v", c.addr, got)
		}
	}
	r.DropNeighbour(next4)
	if r.Knows(next4) {
		t.Error("knows a neighbour that was dropped")
	}
	if list := r.Neighbours(); len(list) != 5 || list[0] != (Neighbour{ask4, askMAC, "static"}) {
		t.Errorf("lists %v", list)
	}
}
