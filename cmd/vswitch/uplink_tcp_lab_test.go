package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/testnet"
)

// What TCP promises, end to end through the mirror.
func TestWayOutTCP(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "lan")
		l.ok("run", "-d", "--name", "c", "--network", "lan")
		c := l.spot("c")
		for _, f := range families(l, "c", "lan") {
			pair := func(t *testing.T) (in, out *net.TCPConn) {
				listener := l.world.far.listen(t, at(f.far, 0))
				in = c.connect(t, listener.Addr().String())
				out, err := listener.AcceptTCP()
				must(t, err)
				t.Cleanup(func() { out.Close() })
				return in, out
			}
			for name, test := range map[string]func(t *testing.T, a, b *net.TCPConn){
				"half close": halfClose, "stopped reader": stoppedReader, "reset": resets, "urgent": urgent,
			} {
				t.Run(f.name+" "+name+" from inside", func(t *testing.T) {
					in, out := pair(t)
					test(t, in, out)
				})
				t.Run(f.name+" "+name+" from outside", func(t *testing.T) {
					in, out := pair(t)
					test(t, out, in)
				})
			}
		}
		l.ncHalfClose(c)
		l.balanced()
	})
}

// ncHalfClose: nc -N ends its half with its input, and each side gets all of the other.
func (l *lab) ncHalfClose(c *spot) {
	t := l.t
	t.Helper()
	testnet.NeedPrograms(t, "nc.openbsd")
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	for name, n := range map[string]int64{inside: 2_000_000, outside: 3_000_000} {
		f, err := os.Create(name)
		must(t, err)
		_, err = io.Copy(f, bulk(n))
		must(t, errors.Join(err, f.Close()))
	}
	told := make(chan string, 1)
	const server = `nc.openbsd -N -l "$1" 7007 <"$2" | sha256sum`
	go func() {
		out, _ := l.world.far.try(t, "sh", "-c", server, "sh", far4, outside)
		told <- out
	}()
	if !testnet.Eventually(func() bool {
		out, _ := l.world.far.try(t, "ss", "-Hltn", "sport = :7007")
		return out != ""
	}) {
		t.Fatal("nc does not listen")
	}
	got := c.run(t, "sh", "-c", `nc.openbsd -N "$1" 7007 <"$2" | sha256sum`, "sh", far4, inside)
	for where, sums := range map[string][2]string{
		"inside": {got, c.run(t, "sh", "-c", `sha256sum <"$1"`, "sh", outside)},
		"far":    {<-told, c.run(t, "sh", "-c", `sha256sum <"$1"`, "sh", inside)},
	} {
		if sums[0] != sums[1] {
			t.Errorf("%s has %q, want %q", where, sums[0], sums[1])
		}
	}
}

// halfClose: a has said all and still hears b.
func halfClose(t *testing.T, a, b *net.TCPConn) {
	const n = 300_000
	go func() {
		_, _ = io.Copy(a, bulk(n)) // what is missing is found on the other side
		_ = a.CloseWrite()
	}()
	if got, m, err := digest(b); err != nil || m != n || got != digestOf(n) {
		t.Fatalf("the first half: %d bytes, %v", m, err)
	}
	go func() {
		_, _ = io.Copy(b, bulk(n+1))
		_ = b.Close()
	}()
	if got, m, err := digest(a); err != nil || m != n+1 || got != digestOf(n+1) {
		t.Fatalf("the second half: %d bytes, %v", m, err)
	}
}

// stoppedReader: b does not read until a cannot write any more, and nothing is lost.
func stoppedReader(t *testing.T, a, b *net.TCPConn) {
	const n = 64 << 20
	var written atomic.Int64
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(writerFunc(func(p []byte) (int, error) {
			m, err := a.Write(p)
			written.Add(int64(m))
			return m, err
		}), bulk(n))
		done <- errors.Join(err, a.CloseWrite())
	}()
	still, last := 0, int64(-1)
	testnet.Eventually(func() bool {
		time.Sleep(20 * time.Millisecond)
		now := written.Load()
		if still++; now != last {
			still, last = 0, now
		}
		return still > 10
	})
	if w := written.Load(); w == n {
		t.Error("everything was taken from the writer, and nobody reads")
	}
	if got, m, err := digest(b); err != nil || m != n || got != digestOf(n) {
		t.Errorf("%d of %d bytes came, %v", m, n, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// resets: a gives up, and b hears of it.
func resets(t *testing.T, a, b *net.TCPConn) {
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	must(t, a.SetLinger(0))
	must(t, a.Close())
	must(t, b.SetReadDeadline(time.Now().Add(testnet.Patience)))
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

// urgent: the mark is where it was.
func urgent(t *testing.T, a, b *net.TCPConn) {
	control(t, b, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
	if _, err := a.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	control(t, a, func(fd int) error { return unix.Send(fd, []byte("!"), unix.MSG_OOB) })
	if _, err := a.Write([]byte("behind")); err != nil {
		t.Fatal(err)
	}
	must(t, a.CloseWrite())
	ask := func(request uint) (n int) {
		control(t, b, func(fd int) (err error) {
			n, err = unix.IoctlGetInt(fd, request)
			return err
		})
		return n
	}
	if !testnet.Eventually(func() bool { return ask(unix.SIOCINQ) == len("before!behind") }) {
		t.Fatalf("%d bytes came", ask(unix.SIOCINQ))
	}
	var before []byte
	one := make([]byte, 1)
	must(t, b.SetReadDeadline(time.Now().Add(testnet.Patience)))
	for ask(unix.SIOCATMARK) == 0 {
		if _, err := io.ReadFull(b, one); err != nil {
			t.Fatalf("no mark after %q: %v", before, err)
		}
		before = append(before, one[0])
	}
	rest, err := io.ReadAll(b)
	if string(before) != "before" || string(rest) != "!behind" || err != nil {
		t.Errorf("%q, the mark, %q, %v", before, rest, err)
	}
}

func control(t *testing.T, c *net.TCPConn, fn func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = fn(int(fd)) }))
	must(t, err)
}
