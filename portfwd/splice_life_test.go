package portfwd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"vswitch/internal/testnet"
)

// TestTooMany: the client beyond the limit is reset, and one more may come when one has gone.
func TestTooMany(t *testing.T) {
	r := newRig(t, SpliceConfig{MaxConns: 2})
	l := r.listen(t, "10.1.0.2:80")
	one, _ := r.pair(t, l)
	r.pair(t, l)
	r.wantNoEntry(t)
	must(t, one.SetLinger(0))
	must(t, one.Close())
	r.settled(t, 1)
	r.pair(t, l)
	if got := r.splicer.Counts(); got.Refused != 1 || got.Accepted != 3 || got.Open != 2 {
		t.Errorf("%+v", got)
	}
}

// TestDialIsCalledOff: a container that never answers holds nobody up.
func TestDialIsCalledOff(t *testing.T) {
	testnet.NoLeaks(t)
	s := NewSplicer(SpliceConfig{})
	defer s.Stop()
	table := NewTable(NewAllocator(AllocatorConfig{}), discard{}, s)
	dialling := make(chan struct{})
	pubs, err := table.Publish("box", specs(t, "127.0.0.1::80"), Options{
		Target: inside, Splice: true,
		Dial: func(ctx context.Context, _ string, _ netip.AddrPort) (*net.TCPConn, error) {
			close(dialling)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	must(t, err)
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(pubs[0].Bindings[0].Host))
	must(t, err)
	patient(t, c)
	<-dialling
	must(t, table.UnpublishAll("box"))
	wantReset(t, "the client", c)
	if got := s.Counts(); got.Open != 0 || got.Failed != 1 {
		t.Errorf("%+v", got)
	}
}

// TestUnpublishUnderTraffic takes a port away again and again while clients use it.
func TestUnpublishUnderTraffic(t *testing.T) {
	r := newRig(t, SpliceConfig{Threads: 2})
	l := r.listen(t, "10.1.0.2:80")
	var serving, sending sync.WaitGroup
	serving.Go(func() { echo(l) })
	stop := make(chan struct{})
	at := r.at
	for range 8 {
		sending.Go(func() { shout(at, stop) })
	}
	for range 20 {
		before := r.splicer.Counts().BytesOut
		if !testnet.Eventually(func() bool { return r.splicer.Counts().BytesOut >= before+1<<18 }) {
			t.Error("no traffic")
		}
		must(t, r.table.UnpublishAll("box"))
		if got := r.splicer.Counts().Open; got != 0 {
			t.Errorf("%d connections through a port that is not published", got)
		}
		r.publish(t)
	}
	close(stop)
	must(t, r.table.UnpublishAll("box"))
	sending.Wait()
	must(t, l.Close())
	serving.Wait()
}

// shout sends and reads what comes back, over a new connection after each failure.
func shout(at netip.AddrPort, stop <-chan struct{}) {
	buf := make([]byte, 16<<10)
	for {
		select {
		case <-stop:
			return
		default:
		}
		c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(at))
		for err == nil {
			if _, err = c.Write(buf); err == nil {
				_, err = io.ReadFull(c, buf)
			}
		}
		if c != nil {
			c.Close()
		}
	}
}

// TestStop ends what is open; afterwards nothing can be opened.
func TestStop(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	client, server := r.pair(t, r.listen(t, "10.1.0.2:80"))
	exchange(t, client, server)
	r.splicer.Stop()
	wantReset(t, "client", client)
	wantReset(t, "server", server)
	if _, err := r.table.Publish("other", specs(t, "127.0.0.1::80"), Options{Target: inside, Splice: true, Dial: r.dial}); !errors.Is(err, errStopped) {
		t.Error(err)
	}
	r.splicer.Stop()
}

// TestIdleConnections: each is two descriptors, and no goroutine.
func TestIdleConnections(t *testing.T) {
	const many = 200
	r := newRig(t, SpliceConfig{})
	l := r.listen(t, "10.1.0.2:80")
	client, server := r.pair(t, l)
	exchange(t, client, server)
	open, routines := descriptors(t), runtime.NumGoroutine()
	for range many {
		c, s := r.pair(t, l)
		exchange(t, c, s)
		exchange(t, s, c)
	}
	if !testnet.Eventually(func() bool { return runtime.NumGoroutine() == routines }) {
		t.Errorf("%d goroutines with one connection, %d with %d more", routines, runtime.NumGoroutine(), many)
	}
	const spare = 2 * 2 // a pipe of each direction may have been made
	if n := descriptors(t) - open; n < 4*many || n > 4*many+spare {
		t.Errorf("%d descriptors for %d connections, with those of both ends", n, many)
	}
}
