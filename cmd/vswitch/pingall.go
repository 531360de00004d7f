package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// reachability is what pingall found out: one pair a direction.
type reachability struct {
	Schema     string   `json:"schema"`
	Containers []string `json:"containers"`
	Pairs      []pair   `json:"pairs"`
	// Of the pairs that share a network, those that reach each other and those that
	// do not; of the others, those that do not and those that do.
	Reached  int `json:"reached"`
	Failed   int `json:"failed"`
	Isolated int `json:"isolated"`
	Open     int `json:"open"`
}

// pair is one container that pings another.
type pair struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Networks are those that both are on; without one they are not expected to
	// reach each other.
	Networks []string `json:"networks"`
	// Verdict is ok, FAIL, or isolated; and open where two that share no network
	// reach each other all the same.
	Verdict string `json:"verdict"`
	Micros  int    `json:"micros,omitempty"`
	Error   string `json:"error,omitempty"`
}

// The verdicts of a pair.
const (
	verdictOK       = "ok"
	verdictFail     = "FAIL"
	verdictIsolated = "isolated"
	verdictOpen     = "open"
)

// atOnce is how many pings are under way: one that nobody answers takes a second.
const atOnce = 16

func pingallCommand(a *app) *cobra.Command {
	var p api.Ping
	cmd := &cobra.Command{
		Use:   "pingall",
		Short: "Ask of all running containers whether they reach each other",
		Long: `pingall pings from every running container to every other. Containers that share
no network are expected not to reach each other and are shown as "-", or as open
where they do. It exits with 7 when a pair that shares a network fails, and with
8 when there are fewer than two containers.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.Count < 1 {
				return invalidFlag("--count", fmt.Sprint(p.Count), nil).WithFix("give 1 or more")
			}
			return a.asking(func(ctx context.Context, s switchAPI, _ []string) error { return a.pingall(ctx, s, p) })(cmd, args)
		},
	}
	cmd.Flags().IntVarP(&p.Count, "count", "c", 1, "how `many` requests for each pair")
	cmd.Flags().BoolVarP(&p.IPv6, "ipv6", "6", false, "use the IPv6 addresses")
	return cmd
}

func (a *app) pingall(ctx context.Context, s switchAPI, p api.Ping) error {
	all, err := s.Containers(ctx, false)
	if err != nil {
		return err
	}
	if len(all) < 2 {
		return api.Errorf(api.NothingToTest, nil, "cannot ping between containers").
			Because("%s running", plural(len(all), "container")).WithFix("run two:  vswitch run -d --name NAME")
	}
	slices.SortFunc(all, func(x, y api.ContainerSummary) int { return natural(containerName(x), containerName(y)) })
	r := pingPairs(ctx, s, p, all)
	if ctx.Err() != nil {
		return cutShort("not all pairs were asked")
	}
	if err := a.show(r, r.text); err != nil {
		return err
	}
	if r.Failed > 0 {
		return reported{api.Errorf(api.ExpectationFailed, nil, "%d pairs failed", r.Failed)}
	}
	return nil
}

// pingPairs pings every ordered pair, some at once.
func pingPairs(ctx context.Context, s switchAPI, p api.Ping, all []api.ContainerSummary) *reachability {
	r := &reachability{Schema: api.Schema("pingall"), Pairs: []pair{}}
	for _, from := range all {
		r.Containers = append(r.Containers, containerName(from))
		for _, to := range all {
			if from.ID != to.ID {
				r.Pairs = append(r.Pairs, pair{From: containerName(from), To: containerName(to), Networks: shared(from, to)})
			}
		}
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i := range r.Pairs {
		free <- struct{}{}
		wg.Go(func() {
			r.Pairs[i].ping(ctx, s, p)
			<-free
		})
	}
	wg.Wait()
	r.count()
	return r
}

// shared are the networks that two containers are both on.
func shared(x, y api.ContainerSummary) []string {
	names := []string{}
	for _, name := range networksOf(x) {
		if _, both := y.NetworkSettings.Networks[name]; both && name != "none" {
			names = append(names, name)
		}
	}
	return names
}

// ping asks of one pair. Where nothing is expected, an error is as good as silence.
func (p *pair) ping(ctx context.Context, s switchAPI, ask api.Ping) {
	ask.From, ask.To = p.From, p.To
	pong, err := s.Ping(ctx, ask)
	expected := len(p.Networks) > 0
	switch {
	case err == nil && pong.Received > 0 && expected:
		p.Verdict, p.Micros = verdictOK, mean(pong.Times)
	case err == nil && pong.Received > 0:
		p.Verdict, p.Micros = verdictOpen, mean(pong.Times)
	case !expected:
		p.Verdict = verdictIsolated
	case err != nil:
		p.Verdict, p.Error = verdictFail, api.AsError(err).Error()
	default:
		p.Verdict, p.Error = verdictFail, pong.Error
		if p.Error == "" {
			p.Error = "no answer"
		}
	}
}

func (r *reachability) count() {
	for _, p := range r.Pairs {
		switch p.Verdict {
		case verdictOK:
			r.Reached++
		case verdictFail:
			r.Failed++
		case verdictIsolated:
			r.Isolated++
		case verdictOpen:
			r.Open++
		}
	}
}

// text is a matrix - a row for each that pings, a column for each that is pinged -
// what failed, and the sum. Where the names are too long for columns, numbers stand
// above them.
func (r *reachability) text() string {
	width := 4
	for _, name := range r.Containers {
		width = max(width, utf8.RuneCountInString(name))
	}
	numbered := (len(r.Containers)+1)*(width+2) > screenWidth
	lines := [][]string{append([]string{"FROM"}, r.Containers...)}
	if numbered {
		for i := range r.Containers {
			lines[0][i+1] = fmt.Sprint(i + 1)
		}
	}
	pairs := r.Pairs
	for i, from := range r.Containers {
		line := []string{from}
		if numbered {
			line[0] = fmt.Sprintf("%d %s", i+1, ellipsis(from, 12))
		}
		for j := range r.Containers {
			cell := ""
			if i != j {
				cell, pairs = mark(pairs[0].Verdict), pairs[1:]
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	return matrix(lines) + r.failures() + r.summary()
}

// mark is a verdict in the matrix.
func mark(verdict string) string {
	if verdict == verdictIsolated {
		return "-"
	}
	return verdict
}

// matrix aligns cells with two spaces between them.
func matrix(lines [][]string) string {
	width := widths(lines)
	var b strings.Builder
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&text, "%-*s", width[i]+2, oneLine(cell))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	return b.String()
}

func (r *reachability) failures() string {
	var b strings.Builder
	for _, p := range r.Pairs {
		if p.Verdict == verdictFail {
			fmt.Fprintf(&b, "%s -> %s failed: %s\n", p.From, p.To, oneLine(p.Error))
		}
	}
	return b.String()
}

func (r *reachability) summary() string {
	text := fmt.Sprintf("%d of %d pairs that share a network reach each other", r.Reached, r.Reached+r.Failed)
	if r.Isolated > 0 {
		text += fmt.Sprintf("; %d isolated", r.Isolated)
	}
	if r.Open > 0 {
		text += fmt.Sprintf("; %d open that share none", r.Open)
	}
	return text + "\n"
}
