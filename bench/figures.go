package bench

import "math/rand/v2"

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
