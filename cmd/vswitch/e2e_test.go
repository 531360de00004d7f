package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"vswitch/bench"
	"vswitch/internal/api"
	"vswitch/internal/doctor"
	"vswitch/internal/testnet"
)

// users are those who run everything.
var users = map[string]play{"root": asRoot, "user": asUser}

// fits requires that no line is longer than a terminal is wide.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// has requires that text has something for each pattern, in that order.
func has(t *testing.T, text string, patterns ...string) {
	t.Helper()
	rest := text
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("nothing matches %q in\n%s", p, text)
		}
		rest = rest[at[1]:]
	}
}

func TestDemoForPeople(t *testing.T) {
	who := map[string]string{"root": "root", "user": "user 54321, without root"}
	for name, user := range users {
		for _, loop := range []string{"epoll", "uring"} {
			t.Run(name+" "+loop, func(t *testing.T) {
				t.Parallel()
				out, errOut := user.run(t, api.ExitDone, "demo", "--no-ratio", "--io", loop)
				fits(t, out)
				has(t, out,
					`(?m)^Two containers and a switch in this process, run by `+who[name]+`:$`,
					`alice +192\.0\.2\.1 +02:42:c0:00:02:01 +eth0`, `vswitch \(`+loop+`, \d workers?\)`, `bob +192\.0\.2\.2 `,
					`ping +alice -> bob +192\.0\.2\.2 +\d+ sent, 5 received`, `ping +alice -> bob +fd76:7300::2 +\d+ sent, 5 received`,
					`iperf3 +alice -> bob +\d+\.\d Gb/s`, `ratio +not measured: --no-ratio`, `32 MiB .* every one was right`,
					`PORT  CONTAINER`, `0 +alice +\d+ +\d+ +\d+ +\d+`, `1 +bob +\d+ +\d+ +\d+ +\d+`,
					`in \d+ \+ flood copies \d+ = out \d+ \+ dropped \d+ \+ consumed \d+`,
					`Every frame is accounted for; payload bytes copied in userspace: 0`,
					`02:42:c0:00:02:01 +1 +0 `, `02:42:c0:00:02:02 +1 +1 `,
					`Taken down: .* Nothing is left\.\n$`)
				if errOut != "" {
					t.Errorf("stderr: %s", errOut)
				}
			})
		}
	}
}

// The whole demo, as a program reads it: one document and nothing else.
func TestDemoForPrograms(t *testing.T) {
	t.Parallel()
	out, errOut := asUser.run(t, api.ExitDone, "demo", "-o", "json")
	var d demoResult
	dec := json.NewDecoder(strings.NewReader(out))
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || errOut != "" {
		t.Errorf("more than a document (%v); stderr: %s", err, errOut)
	}
	if d.Schema != "vswitch/v1/demo" || d.User != testnet.UID || !d.Balanced || d.Copied != 0 || d.Verified != 32<<20 {
		t.Errorf("%+v", d)
	}
	if d.Frames == 0 || d.Frames+d.Copies != d.Sent+d.Dropped+d.Consumed {
		t.Errorf("the books: %+v", d)
	}
	for _, p := range d.Pings {
		if p.Received != pingCount || p.Mean <= 0 {
			t.Errorf("ping: %+v", p)
		}
	}
	if len(d.Pings) != 2 || len(d.Containers) != 2 || len(d.Stations) != 2 {
		t.Errorf("%+v", d)
	}
	// On a machine whose time is stolen there may be no ratio; that is said.
	if d.Ratio == nil && strings.Join(d.Skipped, " ") != "ratio" || d.Ratio != nil && (d.Ratio.Median <= 0 || d.Kernel <= 0 || d.Gbps <= 0) {
		t.Errorf("ratio: %+v", d)
	}
}

// Ctrl-C in the middle: a sentence, and nothing is left.
func TestDemoInterrupted(t *testing.T) {
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := user.start(t, "demo")
			ended := r.containers(t, 2)
			r.cmd.Process.Signal(syscall.SIGINT)
			if code := r.wait(t); code != int(api.ExitFailed) {
				t.Errorf("exit code %d\n%s", code, &r.err)
			}
			r.nothingLeft(t)
			const want = "error: cannot show the demo  [VS-GEN-003]\n" +
				"  why:  interrupted; what was made is taken down\n" +
				"  more: vswitch explain VS-GEN-003\n"
			if r.err.String() != want || strings.Contains(r.out.String(), "Taken down") {
				t.Errorf("stderr:\n%s\nstdout:\n%s", &r.err, &r.out)
			}
			if !testnet.Eventually(ended) {
				t.Error("a container's network namespace is left")
			}
		})
	}
}

// The same for a program that reads: no half a document.
func TestDemoInterruptedJSON(t *testing.T) {
	t.Parallel()
	r := asUser.start(t, "demo", "-o", "json")
	r.containers(t, 1)
	r.cmd.Process.Signal(syscall.SIGTERM)
	var e api.Error
	if code := r.wait(t); code != int(api.ExitFailed) || r.out.Len() > 0 {
		t.Errorf("exit code %d, stdout %q", code, &r.out)
	}
	if err := json.Unmarshal(r.err.Bytes(), &e); err != nil || e.Code != api.Interrupted {
		t.Errorf("%v: %s", err, &r.err)
	}
	r.nothingLeft(t)
}

// kill -9 leaves it to the kernel. The next demo finds nothing in its way.
func TestDemoKilled(t *testing.T) {
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := user.start(t, "demo")
			ended := r.containers(t, 2)
			r.cmd.Process.Kill()
			out, _ := user.run(t, api.ExitDone, "demo", "--no-ratio")
			has(t, out, `Every frame is accounted for`, `Nothing is left`)
			if !testnet.Eventually(func() bool { return len(r.processes()) == 0 && ended() }) {
				t.Errorf("left: processes %v; namespaces ended: %v", r.processes(), ended())
			}
			r.wait(t)
			r.nothingLeft(t)
		})
	}
}

// `demo | head -1`: the reader leaves, and so does the demo, without a word.
func TestDemoIntoClosedPipe(t *testing.T) {
	t.Parallel()
	user := asUser
	user.shell = `"$@" | head -n 1`
	out, errOut := user.run(t, api.ExitDone, "demo", "--no-ratio")
	if strings.Count(out, "\n") != 1 || errOut != "" {
		t.Errorf("stdout %q, stderr %q", out, errOut)
	}
}

// io_uring does not work where no memory may be locked: asked for, that is an
// error; otherwise the other loop is taken and that is said.
func TestWithoutUring(t *testing.T) {
	t.Parallel()
	user := asUser
	user.shell = `ulimit -l 0 && exec "$@"`
	_, errOut := user.run(t, api.ExitMachine, "demo", "--io", "uring")
	has(t, errOut, `^error: cannot show the demo  \[VS-ENV-008\]\n`, `  why:  the io_uring loop does not work here: `, `  fix:  use the other loop:  --io epoll\n`)
	out, _ := user.run(t, api.ExitDone, "demo", "--no-ratio")
	has(t, out, `vswitch \(epoll, `, `io_uring is not used: `)
	out, _ = user.run(t, api.ExitDone, "doctor", "-o", "json")
	if c := findings(t, out)["io-uring-loop"]; c.Status != doctor.Warn || c.Code != api.UringUnavailable {
		t.Errorf("doctor: %+v", c)
	}
}

// findings reads doctor's JSON.
func findings(t *testing.T, out string) map[string]doctor.Result {
	t.Helper()
	var report doctor.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Schema != doctor.Schema {
		t.Fatalf("%v: %s", err, out)
	}
	byID := map[string]doctor.Result{}
	for _, c := range report.Checks {
		byID[c.ID] = c
	}
	return byID
}

// What every command says on a machine that is not able, in the four parts of all
// errors and as JSON; and what doctor finds there.
func TestMachineNotAble(t *testing.T) {
	closed, missing, shut := asUser, asUser, asUser
	closed.node, missing.node, shut.shut = 0o600, 0, true
	for name, tt := range map[string]struct {
		play
		code     api.Code
		check    string
		why, fix string
	}{
		"closed node": {closed, api.TunClosed, "tun",
			"/dev/net/tun exists but opening it was refused (EACCES, mode 0600 root:root)", "chmod 0666 /dev/net/tun"},
		"no node": {missing, api.TunMissing, "tun",
			"/dev/net/tun does not exist", "mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200"},
		"no node, as root": {play{}, api.TunMissing, "tun",
			"/dev/net/tun does not exist", "mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200"},
		"no user namespaces": {shut, api.UsernsSysctl, "namespaces",
			"the sysctl user.max_user_namespaces is 0 (ENOSPC)", "sysctl -w user.max_user_namespaces=15000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, args := range map[string][]string{
				"cannot show the demo":   {"demo"},
				"cannot measure layer 2": {"bench", "l2", "--preset", "quick", "--rounds", "1"},
			} {
				out, errOut := tt.run(t, api.ExitMachine, args...)
				want := "error: " + what + "  [" + string(tt.code) + "]\n" +
					"  why:  " + tt.why + "\n" +
					"  fix:  ask an administrator to run:  " + tt.fix + "\n" +
					"  more: vswitch explain " + string(tt.code) + "      check everything: vswitch doctor\n"
				if errOut != want || out != "" {
					t.Errorf("stdout %q, stderr\n%s\nwant\n%s", out, errOut, want)
				}
				var e api.Error
				out, errOut = tt.run(t, api.ExitMachine, append(args, "-o", "json")...)
				if err := json.Unmarshal([]byte(errOut), &e); err != nil || e.Code != tt.code || e.Why != tt.why || out != "" {
					t.Errorf("stdout %q, stderr %s: %v", out, errOut, err)
				}
			}
			out, _ := tt.run(t, api.ExitMachine, "doctor", "-o", "json")
			if c := findings(t, out)[tt.check]; c.Status != doctor.Fail || c.Code != tt.code || c.Fix != tt.fix {
				t.Errorf("doctor: %+v", c)
			}
			text, _ := tt.run(t, api.ExitMachine, "doctor")
			has(t, text, `^everything: blocked\n`, `\n`+regexp.QuoteMeta(tt.fix)+`\n`)
		})
	}
}

// The smallest measurement writes all four reports.
func TestBenchL2(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(userDir(t), "new", "folder")
	out, errOut := asUser.run(t, api.ExitDone, "bench", "l2", "--preset", "quick", "--rounds", "1", "--seconds", "0.5",
		"--only", "tcp-1", "--out", dir)
	fits(t, out)
	has(t, out, `^WORKLOAD +FIGURE +RUNNER +VALUE`, `tcp-1 +Gb/s +vswitch-epoll`, `vswitch-uring`, `naive`, `\n$`)
	if errOut != "" {
		t.Errorf("stderr: %s", errOut)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	report, err := bench.ReadReport(strings.NewReader(read("l2.json")))
	if err != nil {
		t.Fatal(err)
	}
	if report.Settings.Rounds != 1 || len(report.Records) != 8 || len(report.Verified) != 4 {
		t.Errorf("%+v, %d records", report.Settings, len(report.Records))
	}
	if read("l2.txt") != out {
		t.Errorf("l2.txt is not what was shown:\n%s", read("l2.txt"))
	}
	wellFormed(t, read("l2.svg"))
	has(t, read("l2.md"), `\(l2\.svg\)`)
	if files, err := os.ReadDir(dir); len(files) != 4 {
		t.Errorf("%v, %v", files, err)
	}
}

// A measurement that is interrupted leaves nothing either: its containers are on
// other roads as well.
func TestBenchL2Interrupted(t *testing.T) {
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := user.start(t, "bench", "l2")
			ended := r.containers(t, 4)
			r.cmd.Process.Signal(syscall.SIGINT)
			if code := r.wait(t); code != int(api.ExitFailed) || r.out.Len() > 0 {
				t.Errorf("exit code %d, stdout %q", code, &r.out)
			}
			has(t, r.err.String(), `^error: cannot measure layer 2  \[VS-GEN-003\]\n`)
			r.nothingLeft(t)
			if !testnet.Eventually(ended) {
				t.Error("a station's network namespace is left")
			}
		})
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	for n := 0; ; n++ {
		if _, err := dec.Token(); errors.Is(err, io.EOF) && n > 10 {
			return
		} else if err != nil {
			t.Fatalf("token %d: %v", n, err)
		}
	}
}
