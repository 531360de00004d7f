package bench

import (
	"context"
	"fmt"
	"time"

	"vswitch/internal/api"
)

// measureMany makes many containers on one network beside a network with two.
func (n *networks) measureMany(ctx context.Context) error {
	return n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		n.tell("a network with two containers")
		pair, _, err := s.pair(ctx, "two")
		if err != nil {
			return err
		}
		if _, err := s.network(ctx, "many"); err != nil {
			return err
		}
		if err := n.measureCreate(ctx, s); err != nil {
			return err
		}
		if err := n.measureIdle(ctx, s); err != nil {
			return err
		}
		if err := n.measureThroughput(ctx, s, pair); err != nil {
			return err
		}
		return n.measureDown(s)
	})
}

// measureCreate makes the crowd and weighs the processes before and after.
func (n *networks) measureCreate(ctx context.Context, s *ownSwitch) error {
	before, err := s.weigh(ctx)
	if err != nil {
		return err
	}
	n.tell("%d containers on one network", n.Containers)
	took, err := s.crowd(ctx, "many", n.Containers, n.Clients)
	if err != nil {
		return err
	}
	n.add(manyCreate, took.Seconds())
	after, err := s.weigh(ctx)
	if err != nil {
		return err
	}
	each := func(a, b uint64) float64 { return (float64(a) - float64(b)) / float64(n.Containers) / (1 << 20) }
	n.add(manySwitch, each(after.own, before.own))
	n.add(manyKeeper, each(after.keeper, before.keeper))
	n.add(manyBoth, each(after.own+after.keeper, before.own+before.keeper))
	return nil
}

// weight is the resident memory of a switch's processes, in bytes.
type weight struct{ own, keeper uint64 }

// weigh leaves the switch alone for a sample's length before: stations still
// announce themselves, and memory is given back.
func (s *ownSwitch) weigh(ctx context.Context) (w weight, err error) {
	if err := rest(ctx, s.n.Env.Length); err != nil {
		return w, err
	}
	st, err := s.api.Status(ctx)
	if err != nil {
		return w, err
	}
	if w.own, err = residentOf(st.PID); err != nil {
		return w, err
	}
	w.keeper, err = residentOf(st.Keeper)
	return w, err
}

// rest waits, or returns ctx's error.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// measureIdle watches the switch process doing nothing.
func (n *networks) measureIdle(ctx context.Context, s *ownSwitch) error {
	length := idleLengths * n.Env.Length
	n.tell("nothing, for %v", length)
	st, err := s.api.Status(ctx)
	if err != nil {
		return err
	}
	before, err := cpuOf(st.PID)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := rest(ctx, length); err != nil {
		return err
	}
	after, err := cpuOf(st.PID)
	if err != nil {
		return err
	}
	n.add(manyIdle, 100*float64(after-before)/float64(time.Since(start)))
	return nil
}

// measureThroughput compares two of the many with the two that are alone.
func (n *networks) measureThroughput(ctx context.Context, s *ownSwitch, pair []Station) error {
	var crowd []Station
	for _, i := range []int{1, n.Containers} {
		b, err := s.find(ctx, "many", member("many", i))
		if err != nil {
			return err
		}
		crowd = append(crowd, s.station(b))
	}
	report, err := Run(ctx, Options{
		Reference: &netSite{s, "two", pair}, Candidates: []Runner{&netSite{s, "many", crowd}},
		Workloads: []Workload{TCP{Streams: 1}}, Rounds: n.few(), MaxSteal: defaultMaxSteal,
		Env: n.Env, Rand: n.Rand, Now: n.Now, Commit: n.Commit,
		Progress: func(done, total int, r Record) { n.tell("throughput, %d of %d: %s", done, total, r.Runner) },
	})
	if err != nil {
		return err
	}
	return n.takeThroughput(report)
}

// takeThroughput takes the samples that count over.
func (n *networks) takeThroughput(report *Report) error {
	dropped := "no sample was taken"
	for _, r := range report.Records {
		switch {
		case r.Dropped != "":
			dropped = r.Dropped
		case r.Runner == "two":
			n.add(manyOfTwo, r.Values[Throughput])
		default:
			n.add(manyOfMany, r.Values[Throughput])
		}
	}
	f := report.Find(TCP{Streams: 1}.Name(), Throughput, "many")
	if f == nil || f.Ratio.N == 0 {
		return fmt.Errorf("bench: the throughputs cannot be compared: %s", dropped)
	}
	n.spreads[manyRatio] = f.Ratio
	return nil
}

// measureDown takes all down with one call.
func (n *networks) measureDown(s *ownSwitch) error {
	n.tell("all containers down")
	took, err := s.down()
	if err != nil {
		return &switchError{err}
	}
	n.add(manyTakeAll, took.Seconds())
	return nil
}

// netSite is two containers of a network that is there already.
type netSite struct {
	s        *ownSwitch
	network  string
	stations []Station
}

// Name implements Runner.
func (n *netSite) Name() string { return n.network }

// Start implements Runner.
func (n *netSite) Start(context.Context) ([]Station, error) { return n.stations, nil }

// Close implements Runner. The containers go with their switch.
func (n *netSite) Close() error { return nil }

// Counters implements Runner: what the containers' ports on this network took in.
func (n *netSite) Counters() (Counters, error) {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	stats, err := n.s.api.Stats(ctx)
	if err != nil {
		return Counters{}, err
	}
	return n.sum(stats.Ports), nil
}

func (n *netSite) sum(ports []api.PortStats) Counters {
	c := Counters{Source: "the switch's own ledger"}
	for _, p := range ports {
		if p.Network == n.network && p.Container != "" {
			c.Frames += p.RxFrames
			c.Bytes += p.RxBytes
			c.Drops += p.RingDrops
		}
	}
	return c
}
