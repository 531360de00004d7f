package daemon

import (
	"bufio"
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vswitch/internal/api"
)

// sample is a line of the text format, read back.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)`)
	unescape   = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\"`, `"`)
)

// readMetrics reads the text format strictly: each family has its help and type
// first and stands in one piece, no sample comes twice.
func readMetrics(t *testing.T, text string) (out []sample) {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	types, done, family, seen := map[string]string{}, map[string]bool{}, "", map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if f := strings.SplitN(line, " ", 4); f[0] == "#" {
			if len(f) != 4 || f[1] != "HELP" && f[1] != "TYPE" || done[f[2]] {
				t.Errorf("line %q", line)
				continue
			}
			if f[1] == "TYPE" {
				types[f[2]] = f[3]
			}
			if family != f[2] {
				done[family] = true
			}
			family = f[2]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != family || types[family] == "" || seen[m[1]+m[2]] {
			t.Errorf("line %q in the family %q", line, family)
			continue
		}
		seen[m[1]+m[2]] = true
		s := sample{name: m[1], labels: map[string]string{}}
		var err error
		if s.value, err = strconv.ParseFloat(m[3], 64); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		if total := strings.HasSuffix(s.name, "_total"); total != (types[family] == "counter") {
			t.Errorf("%s is a %s", s.name, types[family])
		}
		for rest := m[2]; rest != ""; {
			l := labelPair.FindStringSubmatch(rest)
			if l == nil {
				t.Fatalf("line %q: labels at %q", line, rest)
			}
			s.labels[l[1]], rest = unescape.Replace(l[2]), rest[len(l[0]):]
		}
		out = append(out, s)
	}
	return out
}

func TestMetricsFormat(t *testing.T) {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	m := metrics{w}
	nasty := "a\"b\\c\nd{e},f=\u00e9"
	m.single("vswitch_info", "gauge", "The running switch.", 1, "version", nasty, "loop", "epoll")
	m.single("process_cpu_seconds_total", "counter", "Time.", 1.25)
	m.ports([]api.PortStats{
		{Port: 0, Network: "net", RxFrames: 1, RxBytes: 1<<53 + 2, Ends: map[string]uint64{"spoof-mac": 2, "consumed": 1}},
		{Port: 1, Network: "net", Container: nasty, Interface: "eth0", TxFrames: 3, TxBytes: 4, RingDrops: 5},
	})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got := map[string]sample{}
	for _, s := range readMetrics(t, b.String()) {
		got[s.name+" "+s.labels["port"]+" "+s.labels["reason"]] = s
	}
	for key, want := range map[string]float64{
		"vswitch_info  ": 1, "process_cpu_seconds_total  ": 1.25,
		"vswitch_port_receive_frames_total 0 ": 1, "vswitch_port_receive_bytes_total 0 ": 1<<53 + 2,
		"vswitch_port_transmit_frames_total 1 ": 3, "vswitch_port_transmit_bytes_total 1 ": 4, "vswitch_port_ring_drops_total 1 ": 5,
		"vswitch_port_ends_total 0 spoof-mac": 2, "vswitch_port_ends_total 0 consumed": 1,
	} {
		if s, ok := got[key]; !ok || s.value != want {
			t.Errorf("%q is %v, want %v", key, s.value, want)
		}
	}
	if s := got["vswitch_info  "]; s.labels["version"] != nasty || s.labels["loop"] != "epoll" {
		t.Errorf("labels %q", s.labels)
	}
	if s := got["vswitch_port_transmit_frames_total 1 "]; s.labels["container"] != nasty {
		t.Errorf("labels %q", s.labels)
	}
	if len(got) != 2+5*2+2 {
		t.Errorf("%d samples", len(got))
	}
}

func TestStatm(t *testing.T) {
	if pages, err := statm(); err != nil || pages < 100 {
		t.Errorf("%d pages, %v", pages, err)
	}
}
