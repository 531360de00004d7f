package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sampleReport is a report with long names, voids and steal, made by hand.
func sampleReport() *Report {
	r := &Report{
		Schema: Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 90 * time.Second,
		Machine:    Machine{Kernel: "6.18", CPU: "a processor", Cores: 2, Go: "go1.26", DefaultCongestion: "bbr", IPerf: "iperf 3.12", Commit: "abc"},
		Settings:   Settings{Reference: "kernel", Candidates: []string{"vswitch-epoll", "a-runner-with-a-long-name"}, Rounds: 3, Length: time.Second},
		Verified:   []Verification{{"kernel", 2 << 20, ""}, {"vswitch-epoll", 2 << 20, ""}},
		Generators: []Generator{{Frame: 64, Alone: 331, Received: 310}},
	}
	for _, w := range []Workload{TCP{Streams: 4, Reverse: true}, UDP{Frame: 64}, UDP{Frame: 1400, Rate: 123456}, Latency{Proto: "udp"}} {
		for half := range 2 {
			for slot, name := range append([]string{"kernel"}, r.Settings.Candidates...) {
				rec := Record{Workload: w.Name(), Runner: name, Half: half, Slot: slot, Values: map[string]float64{}, Congestion: "cubic"}
				for i, m := range w.Metrics() {
					rec.Values[m.Name] = float64(1234567*(i+1)) / float64(slot*slot+half+1)
				}
				if slot == 2 && w.Name() == "udp-64" {
					rec.Dropped, rec.Values = "it broke", nil
				}
				rec.Stolen = slot == 1 && half == 1
				if rec.Stolen {
					rec.Dropped = "stolen"
				}
				r.Records = append(r.Records, rec)
			}
		}
	}
	r.Figures = figures([]Workload{TCP{Streams: 4, Reverse: true}, UDP{Frame: 64}, UDP{Frame: 1400, Rate: 123456}, Latency{Proto: "udp"}}, r.Records, "kernel", rng(1))
	return r
}

func TestJSONRoundTrip(t *testing.T) {
	want := sampleReport()
	s := roundTrip(t, want, want.WriteJSON, ReadReport, `{"schema":"else"}`, `{`)
	if !strings.Contains(s, `"schema": "vswitch/v1/bench-l2"`) {
		t.Error("no schema in the results")
	}
}

func TestEmptyReportHasLists(t *testing.T) {
	b, err := json.Marshal(Report{Figures: figures(nil, nil, "kernel", rng(1)), Records: nonNil[Record](nil), Verified: []Verification{}})
	if err != nil || strings.Contains(string(b), "null,") && strings.Contains(string(b), `"figures":null`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestTableFits80Columns(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(b.String(), "\n") {
		if utf8.RuneCountInString(l) > 80 || strings.HasSuffix(l, " ") {
			t.Errorf("%d columns: %q", utf8.RuneCountInString(l), l)
		}
	}
	for _, want := range []string{"WORKLOAD", "tcp-4-R", "void", "udp-1400@123~", "Verified: 4 MB", "cubic", "it broke", "Dropped 4 of 24 samples: stolen"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	svg, d := b.String(), xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<svg", "vswitch-epoll", "tcp-4-R"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the plot lacks %q", want)
		}
	}
	if err := (&Report{}).WriteSVG(io.Discard); err == nil {
		t.Error("a plot of nothing")
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().WriteMarkdown(&b, "l2.svg"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## Layer 2, 2026-01-02", "![Ratios to kernel](l2.svg)", "| tcp-4-R | Gb/s | vswitch-epoll |", "(1 stolen, 0 void)", "- Commit: abc", "retransmits"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the section lacks %q:\n%s", want, b.String())
		}
	}
	columns := 0
	for _, l := range strings.Split(b.String(), "\n") {
		if n := strings.Count(l, "|"); n == 0 {
			columns = 0
		} else if columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("a row of another width: %s", l)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.00031: "0.00031", 0.5: "0.500", 12.345: "12.3", 148211.4: "148211"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// failing refuses to be written to.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWritersReportFailure(t *testing.T) {
	r := sampleReport()
	for name, err := range map[string]error{
		"json": r.WriteJSON(failing{}), "table": r.WriteTable(failing{}),
		"svg": r.WriteSVG(failing{}), "markdown": r.WriteMarkdown(failing{}, ""),
	} {
		if err == nil {
			t.Errorf("%s: a full disk goes unnoticed", name)
		}
	}
}

// TestGeneratorLimited: the sender limits where the rate is that of the plain pair
// and next to nothing is lost; a road that loses is the limit itself.
func TestGeneratorLimited(t *testing.T) {
	figure := func(runner, metric string, v float64) Figure {
		return Figure{Workload: "udp-64", Runner: runner, Metric: Metric{Name: metric}, Value: v}
	}
	r := Report{
		Generators: []Generator{{Frame: 64, Received: 300}},
		Figures: []Figure{
			figure("whole", FrameRate, 290), figure("whole", "lost", 0.005),
			figure("lossy", FrameRate, 350), figure("lossy", "lost", 0.2),
			figure("slow", FrameRate, 200), figure("slow", "lost", 0),
		},
	}
	if got := r.limited(); len(got) != 1 || !strings.Contains(got[0], "whole") {
		t.Errorf("limited by the generator: %q", got)
	}
}
