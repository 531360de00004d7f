package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// One runner, one sample, nothing to compare with; and it is closed again.
func TestOnce(t *testing.T) {
	o, w := fakes()
	o.Verify = 1 << 10
	half := w.runners["half"]
	rec, v, err := Once(context.Background(), o, half, w)
	if err != nil {
		t.Fatal(err)
	}
	// The fakes count no byte of the verified transfer, only the workload's.
	if rec.Runner != "half" || rec.Workload != "fake" || rec.Values["speed"] != 5 || rec.Dropped != "" {
		t.Errorf("record %+v", rec)
	}
	if v.Runner != "half" || v.Bytes != 2<<10 || v.Problem != "" {
		t.Errorf("verification %+v", v)
	}
	if got := strings.Join(*w.order, " "); got != "half" || half.closed != 1 || w.runners["ref"].closed != 0 {
		t.Errorf("ran %q; half was closed %d times, ref %d", got, half.closed, w.runners["ref"].closed)
	}
}

func TestOnceFails(t *testing.T) {
	refused, broken := errors.New("refused"), errors.New("broken")
	for _, tt := range []struct {
		name string
		edit func(*Options, *fakeRunner, *fakeWorkload)
		want error
	}{
		{"does not start", func(_ *Options, f *fakeRunner, _ *fakeWorkload) { f.start = refused }, refused},
		{"does not close", func(_ *Options, f *fakeRunner, _ *fakeWorkload) { f.broken = broken }, broken},
		{"no iperf3", func(o *Options, _ *fakeRunner, _ *fakeWorkload) { o.Env.IPerf = "no-such-program" }, ErrNoIPerf},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, w := fakes()
			tt.edit(&o, w.runners["half"], w)
			var workload Workload = w
			if tt.want == ErrNoIPerf {
				workload = TCP{Streams: 1}
			}
			if _, _, err := Once(context.Background(), o, w.runners["half"], workload); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	// A sample that fails is told, not hidden.
	o, w := fakes()
	w.edit = func(string, int, *Sample) error { return broken }
	rec, _, err := Once(context.Background(), o, w.runners["half"], w)
	if err != nil || rec.Dropped != "broken" || rec.Values != nil {
		t.Errorf("%+v, %v", rec, err)
	}
	if _, _, err := Once(context.Background(), Options{}, w.runners["half"], w); err == nil {
		t.Error("without options")
	}
}
