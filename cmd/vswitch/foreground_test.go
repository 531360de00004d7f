package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
)

// standIn is a program that ends when the test says so, and notes its signals.
type standIn struct {
	mu   sync.Mutex
	got  []int
	seen chan int
	end  chan int
	fail error
}

func newStandIn() *standIn { return &standIn{seen: make(chan int, 16), end: make(chan int, 1)} }

func (s *standIn) Signal(sig int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, sig)
	s.seen <- sig
	return s.fail
}

func (s *standIn) Wait(ctx context.Context) (int, error) {
	select {
	case code := <-s.end:
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Signals go on to the program, in their order, and its exit code comes back.
func TestFollowForwardsSignals(t *testing.T) {
	p, signals := newStandIn(), make(chan os.Signal, 8)
	sent := []os.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGINT, syscall.SIGHUP, syscall.SIGINT}
	for _, s := range sent {
		signals <- s
	}
	go func() {
		for range sent {
			<-p.seen
		}
		p.end <- 7
	}()
	a := &app{err: &bytes.Buffer{}, now: func() time.Time { return testTime }}
	code, err := a.follow(t.Context(), p, signals, "vswitch stop x")
	if want := []int{15, 10, 2, 1, 2}; code != 7 || err != nil || !slices.Equal(p.got, want) {
		t.Errorf("code %d, error %v, signals %v", code, err, p.got)
	}
}

// The third interrupt leaves, and says how the program can be ended.
func TestFollowLeaves(t *testing.T) {
	p, signals := newStandIn(), make(chan os.Signal, 8)
	for range 3 {
		signals <- syscall.SIGINT
	}
	a := &app{err: &bytes.Buffer{}, now: func() time.Time { return testTime }}
	_, err := a.follow(t.Context(), p, signals, "vswitch stop x")
	if e := api.AsError(err); e == nil || e.Code != api.Interrupted || e.Fix != "end it:  vswitch stop x" {
		t.Errorf("error %v", err)
	}
	if want := []int{2, 2}; !slices.Equal(p.got, want) {
		t.Errorf("signals %v, want %v", p.got, want)
	}
}

// A signal that cannot be handed on is told of, and waiting goes on.
func TestFollowTellsOfLostSignals(t *testing.T) {
	p, signals := newStandIn(), make(chan os.Signal, 1)
	p.fail = api.Errorf(api.SwitchUnreachable, errors.New("gone"), "cannot")
	signals <- syscall.SIGTERM
	go func() { <-p.seen; p.end <- 0 }()
	var told bytes.Buffer
	a := &app{err: &told, now: time.Now}
	if code, err := a.follow(t.Context(), p, signals, ""); code != 0 || err != nil || told.String() != "vswitch: the signal was not handed on: gone\n" {
		t.Errorf("code %d, error %v, told %q", code, err, &told)
	}
}

func TestImpatience(t *testing.T) {
	for _, tt := range []struct {
		at   []time.Duration
		want bool
	}{
		{[]time.Duration{0}, false}, {[]time.Duration{0, 1}, false}, {[]time.Duration{0, 1, 2}, true},
		{[]time.Duration{0, time.Second, 2 * time.Second}, true},
		{[]time.Duration{0, time.Second, 3 * time.Second}, false},
		{[]time.Duration{0, 9 * time.Second, 10 * time.Second, 11 * time.Second}, true},
	} {
		var i impatience
		left := false
		for _, d := range tt.at {
			left = i.leave(testTime.Add(d))
		}
		if left != tt.want {
			t.Errorf("%v: %v", tt.at, left)
		}
	}
}

// Before the program is there the end of the context ends the start; afterwards it
// is the program's to answer.
func TestForegroundContext(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	a := &app{in: null, out: null, err: null, now: time.Now}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = a.foreground(ctx, false, func(ctx context.Context, _ [3]*os.File) (program, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}, "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the start was not interrupted: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	p := newStandIn()
	code, err := a.foreground(ctx, false, func(context.Context, [3]*os.File) (program, error) {
		time.AfterFunc(10*time.Millisecond, func() { cancel(); p.end <- 5 })
		return p, nil
	}, "")
	if code != 5 || err != nil {
		t.Errorf("the program was not waited for: code %d, %v", code, err)
	}
	if _, err := (&app{in: &bytes.Buffer{}}).foreground(t.Context(), false, nil, ""); err == nil {
		t.Error("a buffer is no descriptor")
	}
}

// A real signal to this process reaches the program that it runs.
func TestForegroundSignal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := newFake()
	a := &app{in: r, out: w, err: w, link: f, now: time.Now}
	done := make(chan int, 1)
	go func() {
		done <- a.run(context.Background(), []string{"exec", "web", "--", "sh", "-c", "trap 'exit 9' USR2; echo ready; while :; do sleep 0.05; done"})
		w.Close()
	}()
	line := make([]byte, 6)
	if _, err := r.Read(line); err != nil || string(line) != "ready\n" {
		t.Fatalf("read %q: %v", line, err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != 9 {
		t.Errorf("exit code %d, want 9", code)
	}
}
