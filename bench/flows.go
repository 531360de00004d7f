package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// fillSide is how many source ports of a container open a flow to how many
	// destination ports: 62,500 flows, fewer than one source may have.
	fillSide = 250
	// fillMost is how many flows a container may have: one measures beside filling.
	fillMost = 1 << 16
	// fillFirst is the first destination port.
	fillFirst = 20000
	// fillWait bounds the time for one container's flows.
	fillWait = time.Minute
	// mostFull bounds a sample in a full table: its flows end after five minutes
	// without a packet (RFC 4787, REQ-5).
	mostFull = 2 * time.Second
)

// measureFlows compares a packet NAT whose table is full with one that has only the
// flow that is measured.
func (w *ways) measureFlows(ctx context.Context) (err error) {
	w.tell("flows: two switches")
	one, err := w.newPacketBed(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closing(err, one.close()) }()
	full, err := w.newPacketBed(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closing(err, full.close()) }()
	reference, err := one.pair(ctx, runPacketNAT, innerNetwork, outerNetwork)
	if err != nil {
		return err
	}
	candidate, err := full.pair(ctx, runFull, innerNetwork, outerNetwork)
	if err != nil {
		return err
	}
	if err := full.fill(ctx, candidate.stations[1]); err != nil {
		return err
	}
	return w.compareFull(ctx, full, reference, candidate)
}

// compareFull measures with samples that fit into the life of an idle flow. The run
// counts if the table was still full at its end.
func (w *ways) compareFull(ctx context.Context, full *packetBed, reference, candidate Runner) error {
	b := *w
	b.Rounds, b.AARounds, b.Env.Length = min(w.Rounds, 3), min(w.AARounds, 1), min(w.Env.Length, mostFull)
	err := b.compare(ctx, "flows", reference, []Runner{candidate}, []Workload{upload})
	w.absent = b.absent
	if err != nil {
		return err
	}
	n, err := full.flows(ctx)
	if err == nil && n < uint64(w.Flows) {
		err = fmt.Errorf("at the end the table held %d flows of %d", n, w.Flows)
	}
	if err == nil {
		w.runs = b.runs
	}
	return err
}

// fill opens flows to a station until the table holds as many as were asked for.
func (p *packetBed) fill(ctx context.Context, to Station) error {
	echo, err := p.w.Env.agent(ctx, to, "flow-echo", "-ports", strconv.Itoa(fillSide),
		"-listen", fmt.Sprintf("%v:%d", to.Addr4, fillFirst))
	if err != nil {
		return err
	}
	defer echo.end()
	var l listening
	if err := echo.lines.Decode(&l); err != nil {
		return echo.fail(err)
	}
	for i := 0; ; i++ {
		n, err := p.flows(ctx)
		if err != nil || n >= uint64(p.w.Flows) {
			return err
		}
		if i > 2+2*p.w.Flows/(fillSide*fillSide) {
			return fmt.Errorf("the table took only %d flows of %d", n, p.w.Flows)
		}
		p.w.tell("flows: %d of %d", n, p.w.Flows)
		// What is still missing, and no more: the table shall not be full to the brim.
		missing := (p.w.Flows - int(n) + fillSide - 1) / fillSide
		if err := p.fillFrom(ctx, member("filler", i), min(missing, fillSide), l); err != nil {
			return err
		}
	}
}

// fillFrom opens flows from so many source ports of one more container.
func (p *packetBed) fillFrom(ctx context.Context, name string, sources int, l listening) error {
	ctx, cancel := context.WithTimeout(ctx, fillWait)
	defer cancel()
	from, err := p.add(ctx, innerNetwork, name)
	if err != nil {
		return err
	}
	var r FlowsReport
	err = p.w.Env.once(ctx, from, &r, "flow-fill", "-to", l.Listening.String(),
		"-sources", strconv.Itoa(sources), "-ports", strconv.Itoa(fillSide))
	if err == nil && r.Answered == 0 {
		err = errors.New("no datagram came back through the translator")
	}
	return err
}

// flows returns how many the translator holds.
func (p *packetBed) flows(ctx context.Context) (uint64, error) {
	n, err := p.own.api.Network(ctx, innerNetwork)
	if err == nil && (n.VSwitch == nil || n.VSwitch.Uplink == nil) {
		err = fmt.Errorf("the network %q has no way out", innerNetwork)
	}
	if err != nil {
		return 0, err
	}
	return n.VSwitch.Uplink.Flows, nil
}
