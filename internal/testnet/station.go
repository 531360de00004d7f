package testnet

import (
	"bytes"
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/sandbox"
)

// Station is a host of the network under test: namespaces with one interface.
type Station struct {
	Box  *sandbox.Sandbox
	Link string // its interface: eth0
	MAC  frame.MAC
	V4   netip.Addr
	V6   netip.Addr
}

// Do runs fn on a thread in the station's network namespace. Sockets that it
// opens stay there.
func (s *Station) Do(t testing.TB, fn func() error) {
	t.Helper()
	if err := s.Box.NetNS().Do(fn); err != nil {
		t.Fatalf("%s: %v", s.Box.Name(), err)
	}
}

// Run runs a program to its end, which must be a good one, and returns its output.
func (s *Station) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, code := s.Try(t, args...)
	if code != 0 {
		t.Fatalf("%s: %q: exit code %d\n%s", s.Box.Name(), args, code, out)
	}
	return out
}

// Try runs a program to its end and returns what it wrote, errors as well, and
// its exit code.
func (s *Station) Try(t testing.TB, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	p, err := s.Box.Command(t.Context(), sandbox.Cmd{Args: args, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), code
}
