package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"vswitch/bench"
	"vswitch/internal/api"
)

// bulk measures one TCP stream, and the kernel's bridge beside it.
func (d *demo) bulk(ctx context.Context) error {
	o, err := d.bulkOptions()
	if err != nil {
		return err
	}
	if d.alone {
		return d.bulkAlone(ctx, o)
	}
	done := d.progress("iperf3  alice -> bob, turn by turn with the kernel's bridge ...")
	report, err := bench.Run(ctx, o)
	done()
	if err != nil {
		return err
	}
	for _, v := range report.Verified {
		if err := d.verified(v); err != nil {
			return err
		}
	}
	return d.figures(report, o.Workloads[0].Name())
}

// bulkOptions are those of bench's quick preset. Without iperf3 a transfer of
// known bytes stands in for it.
func (d *demo) bulkOptions() (o bench.Options, err error) {
	if o, err = d.benchOptions(); err != nil {
		return o, err
	}
	if err := o.Preset("quick"); err != nil {
		return o, err
	}
	o.Candidates = []bench.Runner{d.site}
	if _, err := exec.LookPath("iperf3"); err != nil {
		d.skip("iperf3", "iperf3", "this program's own transfer stands in for it")
		o.Workloads = []bench.Workload{bench.Verified{Bytes: 2 << 30, Seed: 1}}
	}
	return o, nil
}

// bulkAlone measures the switch once and nothing else.
func (d *demo) bulkAlone(ctx context.Context, o bench.Options) error {
	o.Env.Length = time.Second
	done := d.progress("iperf3  alice -> bob ...")
	rec, v, err := bench.Once(ctx, o, d.site, o.Workloads[0])
	done()
	if err != nil {
		return err
	}
	if err := d.verified(v); err != nil {
		return err
	}
	if rec.Dropped != "" && !rec.Stolen {
		return api.Errorf(api.ExpectationFailed, nil, "alice could not send bob data").Because("%s", rec.Dropped)
	}
	d.result.Gbps = rec.Values[bench.Throughput]
	d.sayRate(rec.Workload)
	d.noRatio("not measured: --no-ratio was given")
	d.sayVerified()
	return nil
}

// verified insists that every byte of the transfer before the measurement was right.
func (d *demo) verified(v bench.Verification) error {
	if v.Problem != "" {
		return api.Errorf(api.ExpectationFailed, nil, "bytes that crossed %s are not those that were sent", v.Runner).
			Because("%s", v.Problem)
	}
	if v.Runner == d.site.name {
		d.result.Verified = v.Bytes
	}
	return nil
}

func (d *demo) sayRate(workload string) {
	by := "iperf3"
	if workload == (bench.Verified{}).Name() {
		by = "tcp"
	}
	d.say("%-6s  alice -> bob  %.1f Gb/s, one TCP stream\n", by, d.result.Gbps)
}

func (d *demo) sayVerified() {
	d.say("bytes   %d MiB of known bytes crossed before that: every one was right\n", d.result.Verified>>20)
}

// noRatio says why there is no ratio.
func (d *demo) noRatio(why string) {
	d.result.Skipped = append(d.result.Skipped, "ratio")
	d.say("ratio   %s\n", why)
}

// figures shows the one figure of a quick run that matters here.
func (d *demo) figures(report *bench.Report, workload string) error {
	f := report.Find(workload, bench.Throughput, d.site.name)
	if f == nil || f.Ratio.N == 0 && f.Void > 0 {
		return api.Errorf(api.ExpectationFailed, nil, "alice could not send bob data").Because("%s", firstDropped(report))
	}
	if f.Ratio.N == 0 {
		d.noRatio("not measured: other machines took this one's time (steal)")
		return nil
	}
	d.result.Gbps, d.result.Kernel, d.result.Ratio = f.Value, f.Reference, &f.Ratio
	d.sayRate(workload)
	d.say("        the kernel's bridge, turn by turn in the same run: %.1f Gb/s\n", f.Reference)
	d.say("ratio   %.2f  (median of %s, from %.2f to %.2f)\n", f.Ratio.Median, plural(f.Ratio.N, "pair"), f.Ratio.Min, f.Ratio.Max)
	d.sayVerified()
	return nil
}

// firstDropped says why a sample does not count.
func firstDropped(report *bench.Report) string {
	for _, r := range report.Records {
		if r.Dropped != "" && !r.Stolen {
			return r.Runner + ": " + r.Dropped
		}
	}
	return "no sample was taken"
}

// progress shows a line on a terminal while something takes its time.
func (d *demo) progress(text string) (done func()) {
	if !d.terminal(d.err) {
		return func() {}
	}
	fmt.Fprint(d.err, text)
	return func() { fmt.Fprint(d.err, "\r"+strings.Repeat(" ", len(text))+"\r") }
}
