package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"vswitch/internal/api"
)

// fixed is a check that always finds the same.
func fixed(id, blocks string, f Finding, after ...string) Check {
	return Check{ID: id, Title: id, Blocks: blocks, After: after, Run: func(context.Context) Finding { return f }}
}

func TestTextOfABrokenMachine(t *testing.T) {
	closed := Failure(api.TunClosed, "/dev/net/tun exists but opening it was refused (EACCES, mode 0600 root:root)").WithFix("chmod 0666 /dev/net/tun")
	r := Run(context.Background(), []Check{
		fixed("kernel", BlocksAll, Found("Linux 6.18.0")),
		fixed("TAP device", BlocksAll, closed),
		fixed("io_uring loop", BlocksSpeed, Warning(api.UringUnavailable, "forbidden").WithFix("sysctl -w kernel.io_uring_disabled=0")),
		fixed("TAP again", BlocksAll, closed),
		fixed("offloads", BlocksSpeed, Found("never reached"), "TAP device"),
		fixed("iperf3", BlocksDemo, Found("/usr/bin/iperf3")),
	})
	want := `everything: blocked
  ok    kernel         Linux 6.18.0
  fail  TAP device     /dev/net/tun exists but opening it was refused (EACCES,
                       mode 0600 root:root) [VS-ENV-004]
  fail  TAP again      /dev/net/tun exists but opening it was refused (EACCES,
                       mode 0600 root:root) [VS-ENV-004]

full speed: works, but not at its best
  warn  io_uring loop  forbidden [VS-ENV-008]
  skip  offloads       not tried, because of TAP device

demo's measurements: works
  ok    iperf3         /usr/bin/iperf3

Paste this as an administrator (vswitch itself never changes the machine):

# TAP device
chmod 0666 /dev/net/tun
# io_uring loop
sysctl -w kernel.io_uring_disabled=0

2 failures, 1 warning. More about one: vswitch explain CODE
`
	if got := r.Text(nil); got != want {
		t.Errorf("text:\n%s\nwant:\n%s", got, want)
	}
	err := r.Err()
	if err == nil || err.Exit() != api.ExitMachine || err.Code != api.TunClosed || err.Remedy() != "chmod 0666 /dev/net/tun" {
		t.Errorf("error %v", err)
	}
}

func TestTextOfAHealthyMachine(t *testing.T) {
	r := Run(context.Background(), Basic(healthy(t, map[string]string{"net/ipv4/ping_group_range": "0\t1000"})))
	text := r.Text(func(s Status, word string) string { return "<" + word + ">" })
	if !strings.HasSuffix(text, "\nReady.\n") || strings.Contains(text, "Paste") || !strings.Contains(text, "everything: <works>\n  <ok  >  kernel") {
		t.Errorf("text:\n%s", text)
	}
	if r.Err() != nil || r.Count(OK) != len(r.Checks) {
		t.Errorf("not all ok:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if len(line) > columns+1+2*len("<>") {
			t.Errorf("line of %d columns: %s", len(line), line)
		}
	}
}

func TestWarningsAloneAreReady(t *testing.T) {
	r := Run(context.Background(), []Check{fixed("a", BlocksSpeed, Warning(api.LockedMemory, "little"))})
	if r.Err() != nil || !strings.Contains(r.Text(nil), "Ready, with 1 warning.") {
		t.Errorf("error %v, text:\n%s", r.Err(), r.Text(nil))
	}
}

func TestJSON(t *testing.T) {
	r := Run(context.Background(), []Check{fixed("tun", BlocksAll, Failure(api.TunMissing, "gone").WithFix("mknod"))})
	b, err := json.Marshal(r)
	const want = `{"schema":"vswitch/v1/doctor","checks":[{"id":"tun","title":"tun","blocks":"everything",` +
		`"status":"fail","detail":"gone","code":"VS-ENV-003","fix":"mknod"}]}`
	if err != nil || string(b) != want {
		t.Errorf("JSON %s, %v\nwant %s", b, err, want)
	}
	b, err = json.Marshal(Run(context.Background(), nil))
	if err != nil || string(b) != `{"schema":"vswitch/v1/doctor","checks":[]}` {
		t.Errorf("no checks: %s, %v", b, err)
	}
}

func TestACheckThatPanicsIsAFinding(t *testing.T) {
	r := Run(context.Background(), []Check{
		{ID: "bad", Run: func(context.Context) Finding { panic("oh") }},
		fixed("good", BlocksAll, Found("fine")),
	})
	if c := r.Checks[0]; c.Status != Fail || c.Code != api.ProbeFailed || !strings.Contains(c.Detail, "oh") {
		t.Errorf("got %+v", c)
	}
	if r.Checks[1].Status != OK {
		t.Error("the next check did not run")
	}
}

func TestACheckThatHangsIsAFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		defer close(let)
		r := Run(t.Context(), []Check{{ID: "stuck", Run: func(context.Context) Finding { <-let; return Finding{} }}})
		if c := r.Checks[0]; c.Status != Fail || c.Detail != "no answer: it took too long" {
			t.Errorf("got %+v", c)
		}
	})
}

func TestSkipsFollowSkips(t *testing.T) {
	r := Run(context.Background(), []Check{
		fixed("a", BlocksAll, Failure(api.TunMissing, "gone")),
		fixed("b", BlocksAll, Found(""), "a"),
		fixed("c", BlocksAll, Found(""), "b"),
		fixed("d", BlocksAll, Warning(api.LockedMemory, "")),
		fixed("e", BlocksAll, Found("tried"), "d"),
	})
	got := ""
	for _, c := range r.Checks {
		got += string(c.Status) + " "
	}
	if got != "fail skip skip warn ok " {
		t.Errorf("statuses %s", got)
	}
}

func TestFromError(t *testing.T) {
	if f := FromError(nil, "works"); f.Status != OK || f.Detail != "works" {
		t.Errorf("nil: %+v", f)
	}
	if f := FromError(fmt.Errorf("tap: %w", syscall.EIO), ""); f.Code != api.ProbeFailed || f.Detail != "input/output error (EIO)" {
		t.Errorf("plain: %+v", f)
	}
	coded := fmt.Errorf("x: %w", api.Errorf(api.TunOffloads, errors.New("no"), "cannot offload"))
	if f := FromError(coded, ""); f.Code != api.TunOffloads || f.Detail != "cannot offload: no" {
		t.Errorf("coded: %+v", f)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"a b", 10, "a b"},
		{"one two three", 7, "one two|three"},
		{"unbreakable-word x", 5, "unbreakable-word|x"},
		{"one two", 0, "one|two"},
	}
	for _, tt := range tests {
		if got := strings.Join(wrap(tt.text, tt.width), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}
