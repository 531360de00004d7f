package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"vswitch/internal/api"
)

// Ports that are asked for and not there are told of, and the rest is shown.
func TestPortFault(t *testing.T) {
	f := newFake()
	f.containers["web"].fault = "Bind for 0.0.0.0:8080 failed:\x1b port is already allocated"
	code, out, errOut := f.with(t, "", "port", "web", "53/udp")
	want := "warning: the ports of web are not published: Bind for 0.0.0.0:8080 failed:  port is already allocated\n"
	if code != 0 || out != "127.0.0.1:5353\n" || errOut != want {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

// The tables fit a terminal, however long addresses are; wide ones show all of them.
func TestFlowTablesFit(t *testing.T) {
	const long = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"
	connection := api.Connection{
		Network: "lan", Container: "a-container-with-a-name", Protocol: "icmpv6", State: "ESTABLISHED", Direction: "out", Path: "splice",
		Inside: long, Remote: long, Outside: long, Peer: long,
	}
	mapping := api.NATMapping{Container: "a-container-with-a-name", Protocol: "icmpv6", Inside: long, Outside: long, Kind: "dynamic", Flows: 1234567}
	port := api.PublishedPort{Container: "a-container-with-a-name", Network: "a-network-with-a-name", Protocol: "tcp", HostIP: strings.Trim(long[:len(long)-6], "[]"), HostPort: 65535, Port: 65535}
	for what, draw := range map[string]func(wide bool) string{
		"conntrack": func(wide bool) string {
			return drawTable(connectionListing().columns, []api.Connection{connection}, wide, false)
		},
		"nat": func(wide bool) string { return drawTable(natListing().columns, []api.NATMapping{mapping}, wide, false) },
		"port": func(wide bool) string {
			return drawTable(portListing().columns, []api.PublishedPort{port}, wide, false)
		},
	} {
		for line := range strings.Lines(draw(false)) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > screenWidth {
				t.Errorf("%s: a line of %d: %s", what, n, line)
			}
		}
		if !strings.Contains(draw(true), long) {
			t.Errorf("%s: the wide table cuts:\n%s", what, draw(true))
		}
	}
}

// A number of seconds, shortly.
func TestBrief(t *testing.T) {
	for seconds, want := range map[float64]string{-1: "0s", 0: "0s", 0.25: "0.25s", 0.001: "0.001s", 9.96: "10s", 12: "12s", 299.5: "4m", 7200: "2h", 432000: "5d"} {
		if got := brief(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
	if timeout(0) != "-" || timeout(30) != "30s" {
		t.Errorf("time-outs: %q, %q", timeout(0), timeout(30))
	}
}
