package portfwd

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"vswitch/internal/testnet"
)

// TestReaches: a program is reached where a container's neighbour would reach it.
func TestReaches(t *testing.T) {
	needIPv6(t)
	for _, c := range []struct {
		listen  string
		target  Target
		reached bool
	}{
		{"10.1.0.2:80", inside, true},
		{"0.0.0.0:80", inside, true},
		{"[::]:80", inside, true},
		{"[::]:80", Target{V6: inside.V6}, true},
		{"[fd00::2]:80", Target{V6: inside.V6}, true},
		{"127.0.0.1:80", inside, false},
		{"10.1.0.2:81", inside, false},
	} {
		t.Run(c.listen, func(t *testing.T) {
			r := newRig(t, SpliceConfig{})
			if !c.target.V4.IsValid() {
				must(t, r.table.UnpublishAll("box"))
				pubs, err := r.table.Publish("box", specs(t, "[::1]::80"), Options{Target: c.target, Splice: true, Dial: r.dial})
				must(t, err)
				r.at = pubs[0].Bindings[0].Host
			}
			l := r.listen(t, c.listen)
			if !c.reached {
				r.wantNoEntry(t)
				if got := r.splicer.Counts(); got.Failed != 1 {
					t.Errorf("%+v", got)
				}
				r.settled(t, 0)
				return
			}
			client, server := r.pair(t, l)
			_, err := client.Write([]byte("hello"))
			must(t, err)
			got := make([]byte, 5)
			if _, err := io.ReadFull(server, got); err != nil || string(got) != "hello" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestHalfClose ends one direction; the other one goes on.
func TestHalfClose(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	l := r.listen(t, "10.1.0.2:80")
	for _, name := range []string{"client first", "server first"} {
		client, server := r.pair(t, l)
		if name == "server first" {
			client, server = server, client
		}
		_, err := client.Write([]byte("question"))
		must(t, err)
		must(t, client.CloseWrite())
		if got, err := io.ReadAll(server); err != nil || string(got) != "question" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		_, err = server.Write([]byte("answer"))
		must(t, err)
		must(t, server.Close())
		if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		must(t, client.Close())
		r.settled(t, 0)
	}
	if got := r.splicer.Counts(); got.Resets != 0 || got.BytesIn != 14 || got.BytesOut != 14 {
		t.Errorf("%+v", got)
	}
}

// TestConnections: an open connection is listed with all its ends and bytes.
func TestConnections(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	l := r.listen(t, "10.1.0.2:80")
	client, server := r.pair(t, l)
	_, err := client.Write([]byte("question"))
	must(t, err)
	must(t, client.CloseWrite())
	if got, err := io.ReadAll(server); err != nil || string(got) != "question" {
		t.Fatalf("%q, %v", got, err)
	}
	want := Connection{
		Owner: "box", Peer: addrPortOfConn(client.LocalAddr()), Host: r.at, Remote: addrPortOfConn(server.RemoteAddr()),
		Inside: addrPortOfConn(l.Addr()), HalfClosed: true, BytesIn: 8,
	}
	if got := r.splicer.Connections(); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	must(t, server.Close())
	must(t, client.Close())
	r.settled(t, 0)
	if got := r.splicer.Connections(); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}

func addrPortOfConn(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// TestReset: a reset of one side is one for the other.
func TestReset(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	l := r.listen(t, "10.1.0.2:80")
	for _, name := range []string{"client", "server", "client, after its end", "server, after its end"} {
		client, server := r.pair(t, l)
		exchange(t, client, server) // it is carried by now
		if name[0] == 's' {
			client, server = server, client
		}
		if len(name) > len("client") {
			must(t, client.CloseWrite())
			_, err := server.Read(make([]byte, 1))
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		must(t, client.SetLinger(0))
		must(t, client.Close())
		if len(name) > len("client") {
			// A side that has read the end hears of the reset when it writes.
			_, err := server.Write([]byte("x"))
			for err == nil {
				_, err = server.Write([]byte("x"))
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("%s: %v", name, err)
			}
		} else {
			wantReset(t, "the peer of the "+name, server)
		}
		r.settled(t, 0)
	}
	if got := r.splicer.Counts(); got.Resets != 4 {
		t.Errorf("%+v", got)
	}
}

// TestLastWords: who answers without having read everything resets the connection,
// and the answer arrives before that, as it does between neighbours.
func TestLastWords(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	l := r.listen(t, "10.1.0.2:80")
	for i := range 50 {
		client, server := r.pair(t, l)
		exchange(t, client, server)
		_, err := client.Write(make([]byte, 1000))
		must(t, err)
		_, err = server.Read(make([]byte, 1)) // the rest is there, too
		must(t, err)
		_, err = server.Write([]byte("no"))
		must(t, err)
		must(t, server.Close())
		got, err := io.ReadAll(client)
		if string(got) != "no" || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("the %d. time: %q, %v", i, got, err)
		}
		must(t, client.Close())
	}
	r.settled(t, 0)
}

// TestBackPressure: nobody reads, and the sender has to wait; then everything comes.
func TestBackPressure(t *testing.T) {
	r := newRig(t, SpliceConfig{})
	client, server := r.pair(t, r.listen(t, "10.1.0.2:80"))
	sent := make(chan int, 1)
	chunk := make([]byte, 64<<10)
	const all = 64 << 20
	go func() {
		n := 0
		for n < all {
			m, err := client.Write(chunk)
			n += m
			if err != nil {
				break
			}
		}
		_ = client.CloseWrite()
		sent <- n
	}()
	moved := func() uint64 { return r.splicer.Counts().BytesIn }
	last, same := uint64(0), 0
	testnet.Eventually(func() bool {
		if now := moved(); now != last || now == 0 {
			last, same = now, 0
		}
		same++
		return same == 100
	})
	if last == 0 || last >= all {
		t.Errorf("%d of %d bytes were moved to a program that reads nothing", last, all)
	}
	n, err := io.Copy(io.Discard, server)
	if got := <-sent; err != nil || n != all || got != all {
		t.Errorf("%d bytes of %d came, of %d sent: %v", n, all, got, err)
	}
	// Both sides are still open for the other direction.
	must(t, server.Close())
	must(t, client.Close())
	r.settled(t, 0)
}
