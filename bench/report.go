package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
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

// pairKey names a place in a run: two records with equal keys are a pair.
type pairKey struct {
	workload    string
	aa          bool
	round, half int
}

// figures turns records into figures.
func figures(ws []Workload, recs []Record, reference string, rng *rand.Rand) []Figure {
	refs, out := map[pairKey]*Record{}, []Figure{}
	var runners []string
	seen := map[string]bool{reference: true}
	for i := range recs {
		r := &recs[i]
		if r.Slot == 0 {
			refs[r.key()] = r
		}
		if !seen[r.Runner] {
			seen[r.Runner] = true
			runners = append(runners, r.Runner)
		}
	}
	for _, w := range ws {
		for _, m := range w.Metrics() {
			aa := aaSpread(w.Name(), m, recs, refs, rng)
			for _, name := range runners {
				out = append(out, figure(w.Name(), m, name, recs, refs, aa, rng))
			}
		}
	}
	return out
}

func (r *Record) key() pairKey { return pairKey{r.Workload, r.AA, r.Round, r.Half} }

// usable reports whether the record counts and has the metric.
func (r *Record) usable(metric string) bool {
	_, ok := r.Values[metric]
	return r.Dropped == "" && ok
}

// aaSpread compares the reference with itself: in the rounds made for it, or
// else in the two halves of each main round.
func aaSpread(workload string, m Metric, recs []Record, refs map[pairKey]*Record, rng *rand.Rand) Spread {
	var own, within []Pair
	for i := range recs {
		r := &recs[i]
		other, pairs := refs[r.key()], &own
		switch {
		case r.Workload != workload || !r.usable(m.Name):
			continue
		case r.AA && r.Slot == 1:
		case !r.AA && r.Slot == 0 && r.Half == 1:
			other, pairs = refs[pairKey{workload, false, r.Round, 0}], &within
		default:
			continue
		}
		if other != nil && other.usable(m.Name) {
			*pairs = append(*pairs, Pair{r.Values[m.Name], other.Values[m.Name]})
		}
	}
	if len(own) == 0 {
		own = within
	}
	return Summarize(Ratios(own), rng)
}

func figure(workload string, m Metric, runner string, recs []Record, refs map[pairKey]*Record, aa Spread, rng *rand.Rand) Figure {
	f := Figure{Workload: workload, Metric: m, Runner: runner, AA: aa, Claim: aa.Claim()}
	var pairs []Pair
	var values, references []float64
	for i := range recs {
		r := &recs[i]
		if r.Workload != workload || r.Runner != runner || r.AA {
			continue
		}
		ref := refs[r.key()]
		switch {
		case r.Stolen || ref != nil && ref.Stolen:
			f.Stolen++
		case ref == nil || !r.usable(m.Name) || !ref.usable(m.Name):
			f.Void++
		default:
			pairs = append(pairs, Pair{r.Values[m.Name], ref.Values[m.Name]})
			values, references = append(values, r.Values[m.Name]), append(references, ref.Values[m.Name])
		}
	}
	f.Verdict = "void"
	if len(pairs) > 0 {
		f.Value, f.Reference, f.Verdict = Median(values), Median(references), ""
	}
	if m.Compared {
		f.Ratio = Summarize(Ratios(pairs), rng)
		f.Verdict = Verdict(f.Ratio, f.Claim)
	}
	return f
}

// Find returns the figure of a workload, metric and runner, or nil.
func (r *Report) Find(workload, metric, runner string) *Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Workload == workload && f.Metric.Name == metric && f.Runner == runner {
			return f
		}
	}
	return nil
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
	var r Report
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read results: schema %q, want %q", r.Schema, Schema)
	}
	return &r, nil
}
