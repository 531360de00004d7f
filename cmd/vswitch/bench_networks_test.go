package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vswitch/bench"
	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// tiny is the smallest measurement of everything.
var tiny = []string{"bench", "networks", "--preset", "quick", "--containers", "5", "--rounds", "1", "--seconds", "0.1"}

// Each figure is measured, as root and as an ordinary user, and the three reports
// say the same.
func TestBenchNetworks(t *testing.T) {
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(userDir(t), "new", "folder")
			out, errOut := user.run(t, api.ExitDone, append(tiny, "--out", dir)...)
			fits(t, out)
			has(t, out, `^FIGURE +MEDIAN`, `\nrun to first packet `, `\ncold run to first packet `, `\nDNS at 127\.0\.0\.11 p50 `,
				`\nDHCP DISCOVER to OFFER p50 `, `\nconnections that went on +1\.000 `, `\nall containers made .* not measured\n`,
				`\nthroughput, many by two `, `\nall taken down `, `\nMachine: `, `5 containers; the aim is for 1000`)
			if errOut != "" {
				t.Errorf("stderr: %s", errOut)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "networks.txt")); err != nil || string(text) != out {
				t.Errorf("networks.txt is not what was shown: %v", err)
			}
			f, err := os.Open(filepath.Join(dir, "networks.json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			report, err := bench.ReadNetworksReport(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Rows {
				if r.Spread.N == 0 {
					t.Errorf("%s: %s: %s", r.Figure, r.Verdict, r.Why)
				}
			}
			if files, err := os.ReadDir(dir); len(files) != 3 {
				t.Errorf("%v, %v", files, err)
			}
		})
	}
}

// What was asked for alone is measured alone, and shown as JSON.
func TestBenchNetworksOnly(t *testing.T) {
	t.Parallel()
	out, errOut := asUser.run(t, api.ExitDone, append(tiny, "--only", "run", "-o", "json")...)
	var r bench.NetworksReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || errOut != "" {
		t.Fatalf("%v, stderr %s", err, errOut)
	}
	if r.Schema != bench.NetworksSchema || len(r.Rows) != 3 || len(r.Settings.Sections) != 1 {
		t.Errorf("%+v", r)
	}
}

// A measurement that is interrupted takes its switch down.
func TestBenchNetworksInterrupted(t *testing.T) {
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := user.start(t, append(tiny, "--only", "dns", "--seconds", "60")...)
			ended := r.containers(t, 2)
			r.cmd.Process.Signal(syscall.SIGINT)
			if code := r.wait(t); code != int(api.ExitFailed) || r.out.Len() > 0 {
				t.Errorf("exit code %d, stdout %q", code, &r.out)
			}
			has(t, r.err.String(), `^error: cannot measure networks  \[VS-GEN-003\]\n`)
			r.nothingLeft(t)
			if !testnet.Eventually(ended) {
				t.Error("a container's network namespace is left")
			}
		})
	}
}

// What the machine refuses is said as `up` says it, and nothing is made.
func TestBenchNetworksRefused(t *testing.T) {
	t.Parallel()
	closed := asUser
	closed.node = 0o600
	_, errOut := closed.run(t, api.ExitMachine, tiny...)
	has(t, errOut, `^error: cannot start the switch  \[`+string(api.TunClosed)+`\]\n`)
}

func TestBenchNetworksUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--preset full", `--preset does not take "full"`}, {"--only dms", "did you mean:  --only dns"},
		{"--containers 1", "give 2 to 4000"}, {"--clients 0", "give 1 to 256"}, {"--rounds 0", "give 1 to 1000"},
		{"--seconds NaN", `--seconds does not take "NaN"`}, {"--io ring", `--io does not take "ring"`}, {"now", "one argument too many"},
	} {
		code, out, errOut := inProcess(append([]string{"bench", "networks"}, strings.Fields(tt.args)...)...)
		if code != int(api.ExitUsage) || out != "" || !strings.Contains(errOut, tt.want) {
			t.Errorf("%s: exit code %d, %s%s", tt.args, code, out, errOut)
		}
	}
}
