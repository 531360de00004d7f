package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/sandbox/keeper"
)

// A pair that shares a network and fails is an error; one that shares none is not
// expected to reach each other.
func TestPingall(t *testing.T) {
	f := newFake()
	f.reaches = func(from, to string) bool { return from == "web" }
	code, out, _ := f.with(t, "", "pingall")
	want := `FROM  db  lone  web
db        -     FAIL
lone  -         -
web   ok  open
db -> web failed: no answer
1 of 2 pairs that share a network reach each other; 3 isolated; 1 open that share none
`
	if code != int(api.ExitExpectation) || out != want {
		t.Errorf("exit code %d, got:\n%s\nwant:\n%s", code, out, want)
	}
	f.reaches = func(from, to string) bool { return from != "lone" && to != "lone" }
	code, out, _ = f.with(t, "", "pingall", "-o", "json")
	var r reachability
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || r.Reached != 2 || r.Isolated != 4 || r.Failed+r.Open != 0 {
		t.Errorf("exit code %d, %v, %+v", code, err, r)
	}
}

// Names that are too many for columns have numbers.
func TestPingallNumbers(t *testing.T) {
	r := &reachability{}
	for i := range 12 {
		r.Containers = append(r.Containers, strings.Repeat(string(rune('a'+i)), 10))
	}
	for range 12 * 11 {
		r.Pairs = append(r.Pairs, pair{Verdict: verdictOK, Networks: []string{"lan"}})
	}
	r.count()
	for line := range strings.Lines(r.text()) {
		if len(line) > screenWidth+1 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if !strings.Contains(r.text(), "12 llllllllll") || !strings.HasSuffix(r.text(), "132 of 132 pairs that share a network reach each other\n") {
		t.Errorf("got:\n%s", r.text())
	}
}

func TestPingFails(t *testing.T) {
	f := newFake()
	f.reaches = func(string, string) bool { return false }
	code, out, errOut := f.with(t, "", "ping", "web", "db")
	if code != int(api.ExitExpectation) || out != "web -> db (10.5.0.3): 3 sent, 0 received, 100% lost\n" || errOut != "" {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

// A watch shows the result at once and then again, until it is interrupted.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var out bytes.Buffer
		a := &app{out: &out, err: &out, link: f, now: time.Now}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if code := a.run(ctx, []string{"dns", "ls", "-o", "name", "-w"}); code != 0 || out.String() != "web\nweb\nweb\n" {
			t.Errorf("exit code %d, %q", code, &out)
		}
	})
}

// A watch ends with the first error.
func TestWatchFails(t *testing.T) {
	f := newFake()
	f.up = false
	code, out, errOut := f.with(t, "", "ps", "--watch=1h")
	if code != int(api.ExitUnreachable) || out != "" || !strings.Contains(errOut, "VS-SWI-001") {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

// Who interrupts a command for many objects is told that some are left.
func TestInterrupted(t *testing.T) {
	for _, line := range [][]string{{"wait", "web", "db"}, {"pingall"}} {
		var out, errOut bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := &app{out: &out, err: &errOut, link: newFake(), now: time.Now}
		if code := a.run(ctx, line); code != int(api.ExitFailed) || !strings.Contains(errOut.String(), "[VS-GEN-003]\n  why:  interrupted\n") {
			t.Errorf("%q: exit code %d, %s", line, code, &errOut)
		}
	}
}

// The keeper and the switch get the places worked out, and the flags that were given.
func TestLaunchArguments(t *testing.T) {
	d := keeper.Dirs{Socket: "/s", State: "/d"}
	for _, tt := range []struct {
		o    launchOptions
		want []string
	}{
		{launchOptions{}, []string{"--socket", "/s", "--state-dir", "/d"}},
		{launchOptions{loop: "epoll", workers: 2, foreground: true}, []string{"--socket", "/s", "--state-dir", "/d", "--io", "epoll", "--workers", "2"}},
		{launchOptions{hostLoopback: true}, []string{"--socket", "/s", "--state-dir", "/d", "--allow-host-loopback"}},
	} {
		if got := tt.o.arguments(d); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q", tt.o, got)
		}
	}
	f := newFake()
	f.up = false
	if code, _, errOut := f.with(t, "", "up", "--io", "uring", "--workers", "3"); code != 0 || f.launched[0] != (launchOptions{loop: "uring", workers: 3}) {
		t.Errorf("exit code %d, launched %+v, %s", code, f.launched, errOut)
	}
	f.up = false
	if code, _, errOut := f.with(t, "", "up", "--allow-host-loopback"); code != 0 || f.launched[1] != (launchOptions{loop: "auto", hostLoopback: true}) {
		t.Errorf("exit code %d, launched %+v, %s", code, f.launched, errOut)
	}
}
