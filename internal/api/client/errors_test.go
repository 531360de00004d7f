package client

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"vswitch/internal/api"
)

// What is not an answer of a switch of this version is told as what it is.
func TestStrangeAnswers(t *testing.T) {
	tests := []struct {
		name, answer string
		code         api.Code
		parts        []string
	}{
		{"garbage", "SSH-2.0-OpenSSH_9.2\r\n", api.Unexpected, []string{"is not a switch", "malformed HTTP"}},
		{"nothing", "", api.SwitchUnreachable, []string{"broke off"}},
		{"cut header", "HTTP/1.1 200 OK\r\nVSwitch-Api: 1\r\n", api.SwitchUnreachable, []string{"broke off"}},
		{"cut body", "HTTP/1.1 200 OK\r\nVSwitch-Api: 1\r\nContent-Length: 9\r\n\r\n{", api.SwitchUnreachable, []string{"broke off"}},
		{"another server", "HTTP/1.1 200 OK\r\n\r\n{}", api.Unexpected, []string{"without the header VSwitch-Api"}},
		{"another server's error", "HTTP/1.1 404 Not Found\r\n\r\nno", api.Unexpected, []string{"404 Not Found"}},
		{"a newer switch", "HTTP/1.1 426 Upgrade Required\r\nVSwitch-Api: 2\r\nVSwitch-Version: 9.9\r\n\r\n{}", api.VersionMismatch,
			[]string{"version 9.9 and speaks API 2", "version 1.2.3 and speaks API 1"}},
		{"a newer switch that answers", "HTTP/1.1 200 OK\r\nVSwitch-Api: 2\r\n\r\n{}", api.VersionMismatch, []string{"speaks API 2"}},
		{"no JSON", ok("<html>"), api.Unexpected, []string{"not the JSON"}},
		{"other JSON", ok("[]"), api.Unexpected, []string{"not the JSON"}},
		{"an error that is none", "HTTP/1.1 500 No\r\nVSwitch-Api: 1\r\n\r\n{}", api.Unexpected, []string{"500 No"}},
		{"a redirect", "HTTP/1.1 307 Go\r\nVSwitch-Api: 1\r\nLocation: /v1/status\r\n\r\n", api.Unexpected, []string{"307 Go"}},
		{"what commands a terminal", "HTTP/1.1 500 \x1b[2J\r\n\r\n", api.Unexpected, []string{"is not a switch"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := saying(t, tt.answer)
			_, err := c.Status(within(t))
			expect(t, err, tt.code, tt.parts...)
			if NotRunning(err) {
				t.Error("something answered")
			}
			if tt.name == "cut body" || strings.HasSuffix(tt.name, " JSON") {
				return // an upgrade reads no body
			}
			_, err = c.Start(within(t), "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
			expect(t, err, tt.code)
		})
	}
}

// A context that ends is an error of its own, with its cause.
func TestContextEnds(t *testing.T) {
	silent := make(chan struct{})
	c := doing(t, func(*net.UnixConn, *http.Request) { <-silent })
	defer close(silent)
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	_, err := c.Status(ctx)
	expect(t, err, api.Interrupted)
	ctx, cancel = context.WithTimeout(within(t), 1)
	defer cancel()
	_, err = c.Status(ctx)
	expect(t, err, api.TimedOut, "did not answer in time")
	_, err = c.Start(ctx, "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	expect(t, err, api.TimedOut)
}

// An interrupt also ends a start that waits for its answer.
func TestStartIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	silent := make(chan struct{})
	c := doing(t, func(*net.UnixConn, *http.Request) { cancel(); <-silent })
	_, err := c.Start(ctx, "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	expect(t, err, api.Interrupted)
	close(silent)
}

// Lines of down that are none.
func TestDownReadsStrangeLines(t *testing.T) {
	tests := []struct {
		body  string
		code  api.Code
		lines int
	}{
		{"{\"kind\":\"network\"}\nno\n", api.Unexpected, 1},
		{`{"schema":"vswitch/v1/other"}` + "\n", api.Unexpected, 0},
		{string(bytes.Repeat([]byte("x"), maxLine+1)), api.Unexpected, 0},
		{`{"kind":"network"}` + "\n" + `{"schema":"vswitch/v1/error","code":"VS-NET-002","message":"m","exit":5}` + "\n", api.PortInUse, 1},
	}
	for _, tt := range tests {
		lines := 0
		err := saying(t, ok(tt.body)).Down(within(t), api.Down{}, func(api.Removed) { lines++ })
		expect(t, err, tt.code)
		if lines != tt.lines {
			t.Errorf("%.40q: %d lines", tt.body, lines)
		}
	}
}

// A line of down is something that is gone, an error, or no such line: never two of
// them, and never a panic.
func FuzzRemoved(f *testing.F) {
	f.Add([]byte(`{"kind":"network","name":"lan"}`))
	f.Add([]byte(`{"kind":"device","error":{"schema":"vswitch/v1/error","code":"VS-GEN-002","message":"m"}}`))
	f.Add([]byte(`{"schema":"vswitch/v1/error","code":"VS-GEN-002","message":"m"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		gone, failure, err := removed(line)
		if err == nil && failure != nil && gone != (api.Removed{}) {
			t.Fatalf("%q is %+v and %v", line, gone, failure)
		}
	})
}
