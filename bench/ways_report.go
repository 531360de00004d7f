package bench

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"
)

// Schemas name the form of WaysReport in JSON, for NAT and for Publish.
const (
	NATSchema     = "vswitch/v1/bench-nat"
	PublishSchema = "vswitch/v1/bench-publish"
)

// WaysReport is the outcome of NAT or of Publish.
type WaysReport struct {
	Schema   string        `json:"schema"`
	Title    string        `json:"title"`
	Started  time.Time     `json:"started"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Machine  Machine       `json:"machine"`
	Settings WaysSettings  `json:"settings"`
	// LoadBefore and LoadAfter are those of NetworksReport.
	LoadBefore [3]float64 `json:"load_before"`
	LoadAfter  [3]float64 `json:"load_after"`
	Tools      []Tool     `json:"tools"`
	Rows       []WayRow   `json:"rows"`
	Absent     []Absence  `json:"absent"`
	Proofs     []Proof    `json:"proofs"`
	// Runs are the interleaved runs that the rows come from, with every sample.
	Runs []WayRun `json:"runs"`
}

// WaysSettings are the options that a reader needs to judge or repeat a run.
type WaysSettings struct {
	Sections   []string      `json:"sections"`
	Rounds     int           `json:"rounds"`
	AARounds   int           `json:"aa_rounds"`
	Length     time.Duration `json:"length_ns"`
	Flows      int           `json:"flows"`
	Congestion string        `json:"congestion"`
	// Between is the congestion control with which the sockets of whatever stands
	// between the two programs begin; empty is the machine's.
	Between string `json:"congestion_between"`
}

// Tool is another program of the comparison.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// WayRun is the run of one section.
type WayRun struct {
	Section string  `json:"section"`
	Report  *Report `json:"report"`
}

// Drawable reports whether a figure of the run counts.
func (r WayRun) Drawable() bool {
	rows, _ := r.Report.series()
	return len(rows) > 0
}

func (w *ways) report(start time.Time, load [3]float64) *WaysReport {
	r := &WaysReport{
		Schema: w.schema, Title: w.title, Started: start.UTC(), Elapsed: w.Now().Sub(start),
		Machine: readMachine(&Options{Env: w.Env, Commit: w.Commit}), LoadBefore: load, LoadAfter: readLoad(),
		Settings: WaysSettings{
			Sections: w.Sections, Rounds: w.Rounds, AARounds: w.AARounds, Length: w.Env.Length, Flows: w.Flows,
			Congestion: w.Env.Congestion,
		},
		Tools: tools(), Rows: []WayRow{}, Absent: nonNil(w.absent), Proofs: nonNil(w.proofs), Runs: nonNil(w.runs),
	}
	if w.Env.Congestion != "" {
		r.Settings.Between = unpacedControl
	}
	for _, f := range w.figures {
		if slices.Contains(w.Sections, f.section) {
			r.Rows = append(r.Rows, w.row(f))
		}
	}
	return r
}

// tools are the peers that are installed here, with the versions that they print, or
// else that of the package that they come from.
func tools() []Tool {
	all := []Tool{}
	for _, t := range []struct{ name, pkg string }{{"pasta", "passt"}, {"slirp4netns", "slirp4netns"}} {
		if path, err := exec.LookPath(t.name); err == nil {
			all = append(all, Tool{t.name, toolVersion(path) + packageVersion(t.pkg)})
		}
	}
	return all
}

// packageVersion asks Debian's package manager; empty where there is none.
func packageVersion(pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (package %s %s)", pkg, out)
}

// Find returns the row of a figure, or nil.
func (r *WaysReport) Find(figure string) *WayRow {
	return find(r.Rows, func(row *WayRow) bool { return row.Figure == figure })
}

// WriteJSON writes the report, indented.
func (r *WaysReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// ReadWaysReport reads what WriteJSON wrote.
func ReadWaysReport(rd io.Reader) (*WaysReport, error) {
	return readReport(rd, func(r *WaysReport) string { return r.Schema }, NATSchema, PublishSchema)
}
