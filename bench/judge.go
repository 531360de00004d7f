package bench

import "fmt"

// observation is what is read around each sample.
type observation struct {
	cpu      CPUTime
	counters map[string]Counters
}

func (r *run) observe() (o observation, err error) {
	o.counters = make(map[string]Counters, len(r.sites))
	for _, s := range r.sites {
		if o.counters[s.Name()], err = s.Counters(); err != nil {
			return o, fmt.Errorf("read the counters of %s: %w", s.Name(), err)
		}
	}
	o.cpu, err = r.cpu()
	return o, err
}

// judge sets Dropped when the sample must not count.
func (rec *Record) judge(r *run, smp Sample, werr error, before, after observation) {
	switch {
	case werr != nil:
		rec.Dropped, rec.Values = werr.Error(), nil
	case r.void[rec.Runner] != "":
		rec.Dropped = r.void[rec.Runner]
	case rec.Path.Bytes < smp.Bytes || rec.Path.Frames < smp.Frames:
		rec.Dropped = fmt.Sprintf("not on this path: %s counted %d bytes in %d frames, the receiver %d in %d",
			rec.Runner, rec.Path.Bytes, rec.Path.Frames, smp.Bytes, smp.Frames)
	case rec.Steal > r.MaxSteal:
		rec.Dropped, rec.Stolen = fmt.Sprintf("%.1f %% of the machine was stolen", 100*rec.Steal), true
	}
	for name, c := range after.counters {
		if d := c.since(before.counters[name]); rec.Dropped == "" && name != rec.Runner && d.Bytes > strayBytes+rec.Path.Bytes/100 {
			rec.Dropped = fmt.Sprintf("not only on this path: %s counted %d bytes", name, d.Bytes)
		}
	}
}

// strayBytes is what an idle site may carry during a sample: neighbour
// discovery and the like.
const strayBytes = 64 << 10
