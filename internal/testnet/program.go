package testnet

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vswitch/internal/sandbox"
)

// Program is a program that runs in a station until it ends by itself, is
// stopped, or the test is over.
type Program struct {
	*sandbox.Process
	name string
	out  *output
}

// Start starts a program whose output is kept.
func (s *Station) Start(t testing.TB, args ...string) *Program {
	t.Helper()
	out := &output{}
	return s.start(t, out, out, args)
}

func (s *Station) start(t testing.TB, out *output, stdout io.Writer, args []string) *Program {
	t.Helper()
	p, err := s.Box.Command(t.Context(), sandbox.Cmd{Args: args, Stdout: stdout, Stderr: out})
	if err != nil {
		t.Fatal(err)
	}
	return &Program{Process: p, name: s.Box.Name() + ": " + args[0], out: out}
}

// Await waits until the program has written text.
func (p *Program) Await(t testing.TB, text string) {
	t.Helper()
	if !Eventually(func() bool { return strings.Contains(p.out.String(), text) }) {
		t.Fatalf("%s did not say %q:\n%s", p.name, text, p.out)
	}
}

// End waits until the program has ended by itself, with code 0, and returns its
// output.
func (p *Program) End(t testing.TB) string {
	t.Helper()
	if code, err := p.Wait(); code != 0 || err != nil {
		t.Fatalf("%s: exit code %d, %v\n%s", p.name, code, err, p.out)
	}
	return p.out.String()
}

// Stop interrupts the program as Ctrl-C does and waits for its end.
func (p *Program) Stop(t testing.TB) string {
	t.Helper()
	_ = p.Signal(syscall.SIGINT) // it may have ended
	if _, err := p.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", p.name, err, p.out)
	}
	return p.out.String()
}

// output is a buffer that is read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
