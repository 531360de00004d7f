package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"vswitch/internal/api"
)

// screen is a person's terminal: what a program wrote to it, and a keyboard.
type screen struct {
	keyboard *os.File // the master side
	tty      *os.File
	mu       sync.Mutex
	shown    bytes.Buffer
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{keyboard: master, tty: slave}
	t.Cleanup(func() { slave.Close(); master.Close() })
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 33, Cols: 99}); err != nil {
		t.Fatal(err)
	}
	go io.Copy(s, master)
	return s
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(b)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// await waits until the screen shows something.
func (s *screen) await(t *testing.T, what string) {
	t.Helper()
	for range 2000 {
		if strings.Contains(s.text(), what) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the screen never showed %q:\n%q", what, s.text())
}

// start runs a command line on the terminal.
func (s *screen) start(f *fakeSwitch, args ...string) <-chan int {
	a := &app{in: s.tty, out: s.tty, err: s.tty, link: f, now: time.Now}
	done := make(chan int, 1)
	go func() { done <- a.run(context.Background(), args) }()
	return done
}

func (s *screen) types(t *testing.T, text string) {
	t.Helper()
	if _, err := s.keyboard.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// A program gets a terminal of the caller's size, reads what is typed, is
// interrupted by ctrl-C, and the caller's terminal is afterwards as it was.
func TestProgramOnTerminal(t *testing.T) {
	s := newScreen(t)
	before, err := term.GetState(int(s.tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	done := s.start(f, "exec", "web", "--", "sh", "-c",
		`test -t 0 && test -t 1 && stty size; trap 'echo interrupted' INT; read x; echo "got <$x>"; stty -echo; echo ready; read y; exit 5`)
	s.await(t, "33 99")
	s.types(t, "hello\r")
	s.await(t, "got <hello>")
	s.await(t, "ready")
	s.types(t, "\x03")
	s.await(t, "interrupted")
	s.types(t, "\r")
	if code := <-done; code != 5 {
		t.Errorf("exit code %d, want 5; screen:\n%q", code, s.text())
	}
	if !f.execs[0].Tty {
		t.Error("the switch was not told of the terminal")
	}
	after, err := term.GetState(int(s.tty.Fd()))
	if err != nil || *after != *before {
		t.Errorf("the terminal was not restored (%v)", err)
	}
}

// The program's terminal follows the size of the caller's.
func TestTerminalFollowsSize(t *testing.T) {
	s := newScreen(t)
	done := s.start(newFake(), "run", "--name", "n", "--", "sh", "-c", `trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done`)
	s.await(t, "ready")
	if err := pty.Setsize(s.tty, &pty.Winsize{Rows: 11, Cols: 44}); err != nil {
		t.Fatal(err)
	}
	// The terminal is not this process's own, so that the kernel does not tell it.
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	s.await(t, "11 44")
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// All that a program wrote is shown, also what was under way when it ended.
func TestTerminalIsDrained(t *testing.T) {
	s := newScreen(t)
	done := s.start(newFake(), "run", "--name", "n", "--", "sh", "-c", "seq 1 20000; echo the-end")
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.await(t, "19999\r\n20000\r\nthe-end\r\n")
}

// What a program left in the background keeps its terminal open; that is not waited
// for.
func TestTerminalIsLeft(t *testing.T) {
	s := newScreen(t)
	done := s.start(newFake(), "run", "--name", "n", "--", "sh", "-c", `trap "" HUP; (echo $$ below; read x) & echo above; sleep 0.1; exit 4`)
	if code := <-done; code != 4 {
		t.Errorf("exit code %d", code)
	}
	s.await(t, "above")
}

// A program that cannot be started is told of on a terminal that is as it was.
func TestTerminalAfterAFailure(t *testing.T) {
	s := newScreen(t)
	if code := <-s.start(newFake(), "run", "--rm", "--name", "n", "--", "no-such-program"); code != int(api.ExitNoCommand) {
		t.Errorf("exit code %d", code)
	}
	s.await(t, "[VS-RUN-003]")
	s.await(t, "vswitch explain VS-RUN-003\r\n") // a line feed that is still made two
}

// With -t=false a terminal is handed over as it is; with -t there is one where the
// caller has none, and the end of its input is typed.
func TestTerminalByFlag(t *testing.T) {
	s := newScreen(t)
	f := newFake()
	if code := <-s.start(f, "exec", "-t=false", "web", "--", "true"); code != 0 || f.execs[0].Tty {
		t.Errorf("exit code %d, terminal %v", code, f.execs[0].Tty)
	}
	code, out, errOut := f.with(t, "typed\n", "exec", "-t", "web", "--", "sh", "-c", "test -t 0 || exit 1; stty -echo; cat; echo end")
	if code != 0 || !strings.Contains(out, "typed\r\n") || !strings.HasSuffix(out, "end\r\n") {
		t.Errorf("exit code %d, output %q, errors %q", code, out, errOut)
	}
}
