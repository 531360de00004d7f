package testnet

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vswitch/internal/netnsx"
)

// Each kind of leak is noticed, and its end as well.
func TestLeaksAreNoticed(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		leak       func(t *testing.T) (end func())
	}{
		{"file", "/dev/null", func(t *testing.T) func() {
			f, err := os.Open(os.DevNull)
			must(t, err)
			return func() { f.Close() }
		}},
		{"socket", "socket:[", func(t *testing.T) func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			return func() { l.Close() }
		}},
		{"child", "sleep", func(t *testing.T) func() {
			cmd := exec.Command("sleep", "1000")
			must(t, cmd.Start())
			return func() { cmd.Process.Kill(); cmd.Wait() }
		}},
		{"thread in a namespace", "thread", func(t *testing.T) func() {
			ns := namespace(t)
			inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(left)
				ns.Do(func() error { close(inside); <-leave; return nil })
			}()
			<-inside
			return func() { close(leave); <-left; ns.Close() }
		}},
		{"goroutine", "TestLeaksAreNoticed", func(t *testing.T) func() {
			stop := make(chan struct{})
			go func() { <-stop }()
			return func() { close(stop) }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := Take(t)
			end := tt.leak(t)
			left := before.now(t)
			end()
			if !strings.Contains(strings.Join(left, "\n"), tt.want) {
				t.Errorf("noticed %q, want %q", left, tt.want)
			}
			if left := before.Left(t); len(left) != 0 {
				t.Errorf("after its end: %q", left)
			}
		})
	}
}

func TestWatch(t *testing.T) {
	NoLeaks(t)
	ns := namespace(t)
	ended := Watch(t, ns)
	if ended() {
		t.Error("a namespace that is there has ended")
	}
	must(t, ns.Close())
	if !Eventually(ended) {
		t.Error("a namespace that is gone has not ended")
	}
}

func namespace(t *testing.T) *netnsx.NS {
	t.Helper()
	NeedRoot(t)
	ns, err := netnsx.New()
	must(t, err)
	return ns
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
