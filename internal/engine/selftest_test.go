package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vswitch/internal/frame"
)

// spoiler forwards as the self-test wants it, but not quite.
type spoiler struct {
	crossover
	spoil func(*frame.Frame)
}

func (s spoiler) Forward(worker int, b *frame.Batch) {
	s.crossover.Forward(worker, b)
	for i := range b.Live() {
		s.spoil(&b.Frames[i])
	}
}

// TestSelfTestFinds: a loop that answers wrongly, or not, or cannot be made, does
// not pass.
func TestSelfTestFinds(t *testing.T) {
	needLoop(t, Uring)
	good := trial{newLoop: newUringLoop, forward: crossover{}, patience: 10 * time.Second}
	if err := good.bounded(); err != nil {
		t.Fatal("a good loop:", err)
	}
	short := 50 * time.Millisecond
	noRing := errors.New("no ring today")
	for name, c := range map[string]struct {
		trial trial
		want  string
	}{
		"a flipped bit": {trial{newUringLoop, spoiler{spoil: func(f *frame.Frame) { f.Bytes()[f.Len-1] ^= 1 }}, good.patience}, "came through as"},
		"a byte less":   {trial{newUringLoop, spoiler{spoil: func(f *frame.Frame) { f.Len-- }}, good.patience}, "came through as"},
		"a lost frame":  {trial{newUringLoop, consumer{}, short}, "nothing came through"},
		"no loop":       {trial{func(*worker) (ioLoop, error) { return nil, noRing }, crossover{}, short}, noRing.Error()},
	} {
		if err := c.trial.bounded(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestSelfTestDoesNotHang: a kernel that never answers costs a thread, not the
// program.
func TestSelfTestDoesNotHang(t *testing.T) {
	never := make(chan struct{})
	stuck := trial{func(*worker) (ioLoop, error) { <-never; return nil, errors.New("at last") }, crossover{}, time.Millisecond}
	if err := stuck.bounded(); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a hanging loop: %v", err)
	}
	close(never)
}

// TestDemotion: Auto does with epoll where io_uring fails and says why; to ask for
// io_uring there is an error.
func TestDemotion(t *testing.T) {
	cause := errors.New("a policy forbids it")
	failing := func() error { return cause }
	e, err := start(Config{Forwarder: consumer{}}, nil, failing)
	must(t, err)
	defer e.Close()
	if name, why := e.Loop(); name != Epoll || !errors.Is(why, cause) {
		t.Errorf("loop %s because of %v", name, why)
	}
	if _, ok := e.workers[0].loop.(*epollLoop); !ok {
		t.Errorf("the worker runs a %T", e.workers[0].loop)
	}
	if _, err := start(Config{Forwarder: consumer{}, IO: Uring}, failing, nil); !errors.Is(err, ErrUring) || !errors.Is(err, cause) {
		t.Errorf("io_uring asked for: %v", err)
	}
	asked := func() error { t.Error("the self-test ran for epoll"); return nil }
	plain, err := start(Config{Forwarder: consumer{}, IO: Epoll}, asked, asked)
	must(t, err)
	must(t, plain.Close())
}

// TestAutoTakesUring: where its test passes, and the choice stands for the process.
func TestAutoTakesUring(t *testing.T) {
	needLoop(t, Uring)
	e, err := start(Config{Forwarder: consumer{}}, nil, func() error { return nil })
	must(t, err)
	defer e.Close()
	if name, why := e.Loop(); name != Uring || why != nil {
		t.Errorf("loop %s because of %v", name, why)
	}
	if first := AutoTest(); first != nil && !errors.Is(first, ErrNoGain) || !errors.Is(AutoTest(), first) {
		t.Errorf("%v, then %v", first, AutoTest())
	}
}

// burner is a loop that wastes time on every look.
type burner struct{ ioLoop }

func (b burner) wait(block bool) bool {
	for start := time.Now(); time.Since(start) < 200*time.Microsecond; {
	}
	return b.ioLoop.wait(block)
}

// TestContest: the loop that costs less wins, and a loop that fails is told.
func TestContest(t *testing.T) {
	slow := func(w *worker) (ioLoop, error) {
		l, err := newEpollLoop(w)
		return burner{l}, err
	}
	if err := contest(newEpollLoop, slow, 10*time.Second); !errors.Is(err, ErrNoGain) {
		t.Errorf("a slow candidate: %v", err)
	}
	if err := contest(slow, newEpollLoop, 10*time.Second); err != nil {
		t.Errorf("a slow reference: %v", err)
	}
	broken := errors.New("broken")
	none := func(*worker) (ioLoop, error) { return nil, broken }
	if err := contest(newEpollLoop, none, time.Second); !errors.Is(err, broken) || errors.Is(err, ErrNoGain) {
		t.Errorf("a broken candidate: %v", err)
	}
}
