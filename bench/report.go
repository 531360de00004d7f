package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Schema names the form of Report in JSON.
const Schema = "vswitch/v1/bench-l2"

// Report is the outcome of Run.
type Report struct {
	Schema     string         `json:"schema"`
	Started    time.Time      `json:"started"`
	Elapsed    time.Duration  `json:"elapsed_ns"`
	Machine    Machine        `json:"machine"`
	Settings   Settings       `json:"settings"`
	Verified   []Verification `json:"verified"`
	Generators []Generator    `json:"generators,omitempty"`
	Figures    []Figure       `json:"figures"`
	// Records are all samples, in the order in which they were taken.
	Records []Record `json:"records"`
}

// Settings are the Options that a reader needs to judge or repeat a run.
type Settings struct {
	Reference   string        `json:"reference"`
	Candidates  []string      `json:"candidates"`
	Rounds      int           `json:"rounds"`
	AARounds    int           `json:"aa_rounds"`
	MaxSteal    float64       `json:"max_steal"`
	Warmup      time.Duration `json:"warmup_ns"`
	Length      time.Duration `json:"length_ns"`
	Congestion  string        `json:"congestion"` // as asked for; empty is the machine's
	VerifyBytes uint64        `json:"verify_bytes"`
}

// Verification is the outcome of the verified transfer over one site.
type Verification struct {
	Runner string `json:"runner"`
	Bytes  uint64 `json:"bytes"`
	// Problem is empty when every byte was right.
	Problem string `json:"problem,omitempty"`
}

// Figure is one metric of one workload for one runner, over all rounds.
type Figure struct {
	Workload string `json:"workload"`
	Metric   Metric `json:"metric"`
	Runner   string `json:"runner"`
	// Value and Reference are medians over the samples that count.
	Value     float64 `json:"value"`
	Reference float64 `json:"reference"`
	// Ratio is the spread of Value by Reference, pair by pair; N is 0 for a metric
	// that is not compared, and when no pair counts.
	Ratio Spread `json:"ratio"`
	// AA is the same for the reference against itself, and Claim the smallest
	// difference from 1 that follows.
	AA    Spread  `json:"aa"`
	Claim float64 `json:"claim"`
	// Verdict: above, below, same, or void. It is about the ratio, not about which
	// is better; see Metric.Lower.
	Verdict string `json:"verdict"`
	// Stolen pairs were dropped because of steal, Void ones for another reason.
	Stolen int `json:"stolen_pairs"`
	Void   int `json:"void_pairs"`
}

// Find returns the figure of a workload, metric and runner, or nil.
func (r *Report) Find(workload, metric, runner string) *Figure {
	return find(r.Figures, func(f *Figure) bool { return f.Workload == workload && f.Metric.Name == metric && f.Runner == runner })
}

// WriteJSON writes the report, indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// ReadReport reads what WriteJSON wrote.
func ReadReport(rd io.Reader) (*Report, error) {
	return readReport(rd, func(r *Report) string { return r.Schema }, Schema)
}
