package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/api/client"
)

// cat is a program that copies stdin to stdout, says so on stderr, and ends with 7.
func cat(_ context.Context, _ string, files []*os.File) (Run, error) {
	p := newRun()
	own := make([]*os.File, len(files))
	for i, f := range files {
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			return nil, err
		}
		syscall.CloseOnExec(fd)
		own[i] = os.NewFile(uintptr(fd), f.Name())
	}
	go func() {
		defer closeAll(own)
		n, _ := io.Copy(own[1], own[0])
		fmt.Fprintf(own[2], "%d bytes", n)
		p.end <- 7
	}()
	return p, nil
}

// pipes are a caller's three descriptors and their other ends.
type pipes struct {
	files [3]*os.File
	in    *os.File
	out   [2]*os.File
}

func newPipes(t testing.TB) *pipes {
	t.Helper()
	var p pipes
	var err error
	p.files[0], p.in, err = os.Pipe()
	must(t, err)
	for i := range p.out {
		p.out[i], p.files[i+1], err = os.Pipe()
		must(t, err)
	}
	t.Cleanup(p.close)
	return &p
}

// given closes the caller's copies, as a program does that has handed them over.
func (p *pipes) given() { closeAll(p.files[:]) }

func (p *pipes) close() {
	p.given()
	p.in.Close()
	closeAll(p.out[:])
}

// The program reads and writes the caller's own descriptors.
func TestDescriptorsArePassed(t *testing.T) {
	b := &fake{start: cat}
	b.exec = func(ctx context.Context, ref string, e api.Exec, files []*os.File) (Run, error) {
		if ref != "web" || !slices.Equal(e.Cmd, []string{"cat"}) {
			return nil, fmt.Errorf("asked for %v in %s", e.Cmd, ref)
		}
		return cat(ctx, ref, files)
	}
	r := serve(t, b)
	ctx := within(t)
	for _, begin := range []func(files [3]*os.File) (*client.Run, error){
		func(files [3]*os.File) (*client.Run, error) { return r.client.Start(ctx, "web", &files) },
		func(files [3]*os.File) (*client.Run, error) {
			return r.client.Exec(ctx, "web", api.Exec{Cmd: []string{"cat"}}, files)
		},
	} {
		p := newPipes(t)
		run, err := begin(p.files)
		must(t, err)
		p.given()
		if run.ID() != "run1" || run.PID() != 4711 {
			t.Errorf("run %s %d", run.ID(), run.PID())
		}
		_, err = io.WriteString(p.in, "through the pipe")
		must(t, err)
		p.in.Close()
		for j, want := range []string{"through the pipe", "16 bytes"} {
			if got, err := io.ReadAll(p.out[j]); err != nil || string(got) != want {
				t.Errorf("descriptor %d: %q, %v", j+1, got, err)
			}
		}
		for range 2 { // the second answer is the first one's
			if code, err := run.Wait(ctx); code != 7 || err != nil {
				t.Errorf("exit code %d, %v", code, err)
			}
		}
	}
}

func TestSignalsArePassed(t *testing.T) {
	p := newRun()
	r := serve(t, &fake{start: func(context.Context, string, []*os.File) (Run, error) { return p, nil }})
	run, err := r.client.Start(within(t), "web", &newPipes(t).files)
	must(t, err)
	for _, sig := range []int{15, 2, 64, 9} {
		must(t, run.Signal(sig))
		if got := <-p.signals; got != sig {
			t.Errorf("signal %d arrived as %d", sig, got)
		}
	}
	p.end <- 128 + 9
	if code, err := run.Wait(within(t)); code != 137 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	// Without the stream it goes by the run's ID.
	if err := run.Signal(15); err != nil {
		t.Errorf("a signal after the end: %v", err)
	}
}

// A program that cannot be started is an error of Start, in the backend's words.
func TestStartFails(t *testing.T) {
	want := api.Errorf(api.NoCommand, nil, "cannot run %q", "nope")
	r := serve(t, &fake{start: func(context.Context, string, []*os.File) (Run, error) { return nil, want }})
	_, err := r.client.Start(within(t), "web", &newPipes(t).files)
	same(t, "Start", err, want)
	r = serve(t, &fake{start: func(context.Context, string, []*os.File) (Run, error) { panic("a defect") }})
	_, err = r.client.Start(within(t), "web", &newPipes(t).files)
	if e := api.AsError(err); e.Code != api.Unexpected || !strings.Contains(e.Why, "a defect") {
		t.Errorf("a panic: %v", err)
	}
}

// Handing descriptors over leaves none here, whether it works or not.
func TestNoDescriptorIsLeft(t *testing.T) {
	fail := false
	var mu sync.Mutex
	r := serve(t, &fake{start: func(ctx context.Context, ref string, files []*os.File) (Run, error) {
		mu.Lock()
		defer mu.Unlock()
		if fail = !fail; fail {
			return nil, errors.New("no")
		}
		return cat(ctx, ref, files)
	}})
	before := descriptors(t)
	for range 50 {
		p := newPipes(t)
		run, err := r.client.Start(within(t), "web", &p.files)
		p.close()
		if err == nil {
			_, err = run.Wait(within(t))
			must(t, err)
		}
		for _, fds := range []int{0, 1, 2, 4, 200} {
			hostile(t, r, handing(t, fds, "x"))
		}
	}
	eventually(t, "as few descriptors as before", func() bool { return descriptors(t) <= before })
}

// descriptors counts the open ones.
func descriptors(t testing.TB) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(e)
}

// When the client goes the program goes on, and can be waited for by its ID.
func TestProgramOutlivesItsClient(t *testing.T) {
	p := newRun()
	var waiting sync.WaitGroup
	waiting.Add(1)
	b := &fake{
		start: func(context.Context, string, []*os.File) (Run, error) { return p, nil },
		waits: func(ctx context.Context, id string) (int, error) {
			if id != "run1" {
				return 0, api.Errorf(api.UnknownName, nil, "no run %q", id)
			}
			waiting.Done()
			return 42, nil
		},
	}
	r := serve(t, b)
	ctx, cancel := context.WithCancel(within(t))
	run, err := r.client.Start(ctx, "web", &newPipes(t).files)
	must(t, err)
	cancel()
	if _, err := run.Wait(ctx); api.AsError(err).Code != api.Interrupted {
		t.Errorf("an interrupted wait: %v", err)
	}
	must(t, run.Close())
	if code, err := run.Wait(within(t)); code != 42 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	waiting.Wait()
	p.end <- 0 // the session has been waiting all the time
}

// The wait goes on at the switch that is started in place of the one that ended.
func TestWaitSurvivesARestart(t *testing.T) {
	socket := socketPath(t)
	p := newRun()
	one := serveAt(t, socket, &fake{start: func(context.Context, string, []*os.File) (Run, error) { return p, nil }})
	run, err := one.client.Start(within(t), "web", &newPipes(t).files)
	must(t, err)
	type ended struct {
		code int
		err  error
	}
	done := make(chan ended, 1)
	go func() {
		code, err := run.Wait(within(t))
		done <- ended{code, err}
	}()
	one.stop(t)
	asked := make(chan struct{})
	two := serveAt(t, socket, &fake{waits: func(ctx context.Context, id string) (int, error) {
		close(asked)
		<-ctx.Done()
		return 0, ctx.Err()
	}})
	<-asked
	two.stop(t) // and once more, while it waits
	serveAt(t, socket, &fake{waits: func(_ context.Context, id string) (int, error) { return 3, nil }})
	if e := <-done; e.code != 3 || e.err != nil {
		t.Errorf("exit code %d, %v", e.code, e.err)
	}
}

// Many at once: the race detector is the judge.
func TestManyAtOnce(t *testing.T) {
	r := serve(t, &fake{start: cat})
	var wg sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		p := newPipes(t)
		wg.Go(func() {
			run, err := r.client.Start(within(t), "web", &p.files)
			if err != nil {
				t.Error(err)
				return
			}
			wg.Go(func() { _ = run.Signal(1) })
			if _, err := r.client.Networks(within(t)); err != nil {
				t.Error(err)
			}
			p.close()
			if code, err := run.Wait(within(t)); code != 7 || err != nil {
				t.Errorf("exit code %d, %v", code, err)
			}
		})
	}
	wg.Wait()
}
