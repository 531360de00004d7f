package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"vswitch/internal/api"
)

// Each line of down arrives before the next is made.
func TestDownTellsAtOnce(t *testing.T) {
	seen := make(chan string)
	b := &fake{down: func(ctx context.Context, tell func(api.Removed)) error {
		for _, name := range []string{"web", "db", "lan"} {
			tell(api.Removed{Kind: "container", Name: name})
			select {
			case got := <-seen:
				if got != name {
					return errors.New("told " + got)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		tell(api.Removed{Kind: "device", Name: "tap0", Error: api.Errorf(api.Unexpected, nil, "busy")})
		return nil
	}}
	r := serve(t, b)
	var all []string
	err := r.client.Down(within(t), api.Down{Keep: true}, func(x api.Removed) {
		all = append(all, x.Name)
		if x.Kind == "container" {
			seen <- x.Name
		} else if x.Error == nil || x.Error.Message != "busy" {
			t.Errorf("the error of %s got lost: %v", x.Name, x.Error)
		}
	})
	if err != nil || !slices.Equal(all, []string{"web", "db", "lan", "tap0"}) {
		t.Errorf("told %v, %v", all, err)
	}
}

// An error after the first line is the last line.
func TestDownFailsInTheMiddle(t *testing.T) {
	want := api.Errorf(api.StateUnwritable, nil, "cannot keep the networks").Because("disk full")
	var late func(api.Removed)
	r := serve(t, &fake{down: func(_ context.Context, tell func(api.Removed)) error {
		late = tell
		tell(api.Removed{Kind: "network", Name: "lan"})
		return want
	}})
	lines := 0
	err := r.client.Down(within(t), api.Down{}, func(api.Removed) { lines++ })
	same(t, "Down", err, want)
	if lines != 1 {
		t.Errorf("%d lines", lines)
	}
	late(api.Removed{}) // comes too late, and does no harm
}

// The switch goes down also when nobody listens any more.
func TestDownOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 1)
	r := serve(t, &fake{down: func(inner context.Context, tell func(api.Removed)) error {
		tell(api.Removed{Name: "web"})
		<-ctx.Done()
		for range 1000 {
			tell(api.Removed{Name: "web"})
		}
		ended <- inner.Err()
		return nil
	}})
	err := r.client.Down(ctx, api.Down{}, func(api.Removed) { cancel() })
	if api.AsError(err).Code != api.Interrupted {
		t.Errorf("the caller: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the switch: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	var out bytes.Buffer
	if err := r.client.Metrics(within(t), &out); err != nil || out.String() != "vswitch_ports 3\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if a := r.do(t, "GET", "/metrics", ""); !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("type %q", a.header.Get("Content-Type"))
	}
	b.fail = api.Errorf(api.Unexpected, nil, "half of it")
	if a := r.do(t, "GET", "/metrics", ""); a.status != 500 || a.error(t).Message != "half of it" {
		t.Errorf("a failure: %d %s", a.status, a.body)
	}
}

// What a container writes is there at once, and following ends with the caller.
func TestLogsFollow(t *testing.T) {
	next, left := make(chan string), make(chan error, 1)
	r := serve(t, &fake{logs: func(ctx context.Context, w io.Writer) error {
		for {
			select {
			case s := <-next:
				if _, err := io.WriteString(w, s); err != nil {
					return err
				}
			case <-ctx.Done():
				left <- ctx.Err()
				return ctx.Err()
			}
		}
	}})
	ctx, cancel := context.WithCancel(within(t))
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- r.client.Logs(ctx, "web", true, out) }()
	for _, s := range []string{"one\n", "no end of line", "\x00\xff"} {
		next <- s
		b := make([]byte, len(s))
		if _, err := io.ReadFull(in, b); err != nil || string(b) != s {
			t.Fatalf("read %q, %v", b, err)
		}
	}
	cancel()
	if err := <-done; api.AsError(err).Code != api.Interrupted {
		t.Errorf("the client: %v", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the backend: %v", err)
	}
}

// Logs that break off do not look complete; a writer that fails is not the switch's
// fault.
func TestLogsBreakOff(t *testing.T) {
	r := serve(t, &fake{logs: func(_ context.Context, w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return errors.New("the disk is gone")
	}})
	var out bytes.Buffer
	err := r.client.Logs(within(t), "web", false, &out)
	if api.AsError(err).Code != api.SwitchUnreachable || out.String() != "half" {
		t.Errorf("%q, %v", out.String(), err)
	}
	in, closed := io.Pipe()
	in.Close()
	if err := r.client.Logs(within(t), "web", false, closed); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a closed writer: %v", err)
	}
}
