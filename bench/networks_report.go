package bench

import (
	"io"
	"slices"
	"time"
)

// NetworksSchema names the form of NetworksReport in JSON.
const NetworksSchema = "vswitch/v1/bench-networks"

// NetworksReport is the outcome of Networks.
type NetworksReport struct {
	Schema   string           `json:"schema"`
	Started  time.Time        `json:"started"`
	Elapsed  time.Duration    `json:"elapsed_ns"`
	Machine  Machine          `json:"machine"`
	Settings NetworksSettings `json:"settings"`
	// LoadBefore and LoadAfter are the machine's load averages over 1, 5 and 15
	// minutes. The measurement itself is in the latter.
	LoadBefore [3]float64 `json:"load_before"`
	LoadAfter  [3]float64 `json:"load_after"`
	Rows       []Row      `json:"rows"`
}

// NetworksSettings are the options that a reader needs to judge or repeat a run.
type NetworksSettings struct {
	Sections   []string      `json:"sections"`
	Containers int           `json:"containers"`
	Clients    int           `json:"clients"`
	Rounds     int           `json:"rounds"`
	Length     time.Duration `json:"length_ns"`
	Congestion string        `json:"congestion"`
}

// Row is one figure.
type Row struct {
	Section string `json:"section"`
	Figure  string `json:"figure"`
	Unit    string `json:"unit"`
	// How says exactly what was measured.
	How string `json:"how"`
	// Spread is that of Values, or of ratios of pairs where Values is empty. N is 0
	// when nothing was measured.
	Spread Spread    `json:"spread"`
	Values []float64 `json:"values"`
	// Aim is nil where the figure has none; Verdict is then empty.
	Aim     *Aim   `json:"aim,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	// Why says why a figure was not measured, or not judged.
	Why string `json:"why,omitempty"`
}

func (n *networks) report(start time.Time, load [3]float64) *NetworksReport {
	r := &NetworksReport{
		Schema: NetworksSchema, Started: start.UTC(), Elapsed: n.Now().Sub(start),
		Machine: readMachine(&Options{Env: n.Env, Commit: n.Commit}), LoadBefore: load, LoadAfter: readLoad(),
		Settings: NetworksSettings{
			Sections: n.Sections, Containers: n.Containers, Clients: n.Clients,
			Rounds: n.Rounds, Length: n.Env.Length, Congestion: n.Env.Congestion,
		},
		Rows: []Row{},
	}
	for _, f := range networkFigures {
		if slices.Contains(n.Sections, f.Section) {
			r.Rows = append(r.Rows, n.row(f))
		}
	}
	return r
}

// Find returns the row of a figure, or nil.
func (r *NetworksReport) Find(figure string) *Row {
	return find(r.Rows, func(row *Row) bool { return row.Figure == figure })
}

// WriteJSON writes the report, indented.
func (r *NetworksReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// ReadNetworksReport reads what WriteJSON wrote.
func ReadNetworksReport(rd io.Reader) (*NetworksReport, error) {
	return readReport(rd, func(r *NetworksReport) string { return r.Schema }, NetworksSchema)
}
