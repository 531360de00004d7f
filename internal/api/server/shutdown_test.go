package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"testing"

	"vswitch/internal/api"
)

// What may take for ever ends with the server and says so; what has begun comes to
// its end.
func TestShutdown(t *testing.T) {
	arrived, free := make(chan string, 2), make(chan struct{})
	r := serve(t, &fake{
		waits: func(ctx context.Context, _ string) (int, error) {
			arrived <- "wait"
			<-ctx.Done()
			return 0, ctx.Err()
		},
		ping: func(ctx context.Context) (api.Pong, error) {
			arrived <- "ping"
			<-free
			return filled[api.Pong](), ctx.Err()
		},
	})
	waited, pinged := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := r.client.Wait(within(t), "web")
		waited <- err
	}()
	go func() {
		_, err := r.client.Ping(within(t), api.Ping{})
		pinged <- err
	}()
	<-arrived
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t)) }()
	if err := <-waited; api.AsError(err).Code != api.SwitchUnreachable {
		t.Errorf("the wait: %v", err)
	}
	close(free)
	if err := <-pinged; err != nil {
		t.Errorf("the ping: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// With its context at its end, Shutdown cuts off what is left.
func TestShutdownCutsOff(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan error, 1)
	r := serve(t, &fake{ping: func(ctx context.Context) (api.Pong, error) {
		close(arrived)
		<-ctx.Done()
		left <- ctx.Err()
		return api.Pong{}, ctx.Err()
	}})
	done := make(chan error, 1)
	go func() {
		_, err := r.client.Ping(within(t), api.Ping{})
		done <- err
	}()
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-done; api.AsError(err).Code != api.SwitchUnreachable {
		t.Errorf("the client: %v", err)
	}
	<-left
}

// A program that does not heed the end of the server holds up Shutdown no longer
// than its context.
func TestShutdownDoesNotWaitForEver(t *testing.T) {
	stubborn := &deaf{newRun()}
	r := serve(t, &fake{start: func(context.Context, string, []*os.File) (Run, error) { return stubborn, nil }})
	run, err := r.client.Start(within(t), "web", &newPipes(t).files)
	must(t, err)
	defer run.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("drain: %v", err)
	}
	stubborn.end <- 0
}

// deaf is a program whose Wait does not end with its context.
type deaf struct{ *program }

func (d *deaf) Wait(context.Context) (int, error) { return <-d.end, nil }

// Serve after Shutdown returns at once, and closes the listener.
func TestServeAfterShutdown(t *testing.T) {
	s := New(Config{Backend: new(fake)})
	must(t, s.Shutdown(within(t)))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath(t), Net: "unix"})
	must(t, err)
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}
