package tcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	ut "vswitch/internal/uplink/uplinktest"
)

// times is how many times as much TestIntegrity moves: VSWITCH_INTEGRITY=32 is
// gigabytes.
func times(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("VSWITCH_INTEGRITY")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseInt(text, 10, 16)
	must(t, err)
	return n
}

// Both ways at once, against a real kernel, with stalls on all four ends.
func TestIntegrity(t *testing.T) {
	for _, c := range []struct {
		name  string
		mtu   int
		bytes int64
		lose  bool
		old   bool
	}{
		{"ethernet", 1500, 64 << 20, false, false},
		{"loopback", 65520, 64 << 20, false, false},
		{"small", 576, 16 << 20, false, false},
		{"lossy", 1500, 8 << 20, true, false},
		{"no peek offset", 1500, 16 << 20, false, true},
	} {
		c.bytes *= times(t)
		patience := time.Duration(times(t)) * 60 * time.Second
		t.Run(c.name, func(t *testing.T) {
			r := newTapRig(t, c.mtu)
			r.s.peekOff = r.s.peekOff && !c.old
			if c.lose {
				n := 0
				r.pump.Lose = func(b []byte) bool { n++; return n%97 == 0 }
			}
			stop := r.pump.Start()
			defer func() { stop() }()
			inner := r.dial(t)
			outer := r.rig.end(0).accept()
			outer.SetDeadline(time.Now().Add(patience))
			inner.SetDeadline(time.Now().Add(patience))
			sums := [4]chan [32]byte{}
			for i := range sums {
				sums[i] = make(chan [32]byte, 1)
			}
			go pour(inner, c.bytes, 1, true, sums[0])
			go drain(outer, 2, true, sums[1])
			go pour(outer, c.bytes, 3, true, sums[2])
			go drain(inner, 4, true, sums[3])
			if <-sums[0] != <-sums[1] {
				t.Error("what the container sent arrived otherwise")
			}
			if <-sums[2] != <-sums[3] {
				t.Error("what the container was sent arrived otherwise")
			}
			stop()
			stop = func() {}
			t.Logf("%+v, calls %v", r.s.Counts(), r.s.calls)
		})
	}
}

// Many short connections of a real kernel, of both families, each with a request, a
// response and an end that one of the sides begins: nothing is left.
func TestManyConnections(t *testing.T) {
	r := newTapRig(t, 1500)
	l6, err := net.Listen("tcp6", "[::1]:0")
	must(t, err)
	defer l6.Close()
	go serve(l6)
	go serve(r.listen)
	stop := r.pump.Start()
	to := []string{r.to().String(), netip.AddrPortFrom(ut.Loopback6, l6.Addr().(*net.TCPAddr).AddrPort().Port()).String()}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := r.ns.Do(func() error {
				for j := range 50 {
					if err := ask(to[(i+j)%2], j%2 == 0); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	time.Sleep(50 * time.Millisecond)
	stop()
	r.Advance(10 * time.Second)
	if c := r.s.Counts(); c.Flows != 0 || c.Opened != 400 || c.Closed != 400 || c.Resent != 0 {
		t.Errorf("%+v", c)
	}
	if r.s.live != 0 {
		t.Errorf("%d records are left", r.s.live)
	}
}

// serve echoes each connection's bytes until its end.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}

// ask sends a request of 10 kB and wants it back. half ends its own side first.
func ask(to string, half bool) error {
	c, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	data := pattern(10000)
	if _, err := c.Write(data); err != nil {
		return err
	}
	if half {
		c.(*net.TCPConn).CloseWrite()
	}
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return errors.New("other bytes came back")
	}
	return nil
}

// What a program in the container sees of a peer that refuses and one that resets.
func TestErrorsInside(t *testing.T) {
	r := newTapRig(t, 1500)
	stop := r.pump.Start()
	defer func() { stop() }()
	inner := r.dial(t)
	outer := r.rig.end(0).accept()
	outer.SetLinger(0)
	outer.Close()
	inner.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := inner.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a reset peer: %v", err)
	}
	r.listen.Close()
	err := r.ns.Do(func() error {
		_, err := net.DialTimeout("tcp", r.to().String(), 5*time.Second)
		return err
	})
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a peer that refuses: %v", err)
	}
	stop()
	stop = func() {}
}

// What it sees of a loopback that is closed to it.
func TestClosedLoopbackInside(t *testing.T) {
	r := newTapRig(t, 1500)
	r.Net.HostLoopback = false
	stop := r.pump.Start()
	err := r.ns.Do(func() error {
		_, err := net.DialTimeout("tcp", r.to().String(), 5*time.Second)
		return err
	})
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
	stop()
}
