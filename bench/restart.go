package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// measureRestart kills the switch process under transfers.
func (n *networks) measureRestart(ctx context.Context) error {
	return n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		st, _, err := s.pair(ctx, "net")
		if err != nil {
			return err
		}
		for i := range n.few() {
			n.tell("kill -9 of the switch process, %d of %d", i+1, n.few())
			gap, err := n.survive(ctx, s, st[0], st[1])
			if _, broke := errors.AsType[*brokenTransfer](err); broke {
				n.add(restartOn, 0)
				continue
			}
			if err != nil {
				return err
			}
			n.add(restartOn, 1)
			n.add(restartGap, millis(gap))
		}
		return nil
	})
}

// brokenTransfer says that the connection of a transfer did not go on.
type brokenTransfer struct{ err error }

func (e *brokenTransfer) Error() string { return "the transfer broke: " + e.err.Error() }
func (e *brokenTransfer) Unwrap() error { return e.err }

// survive kills the switch process a third into a transfer from b to a, and
// returns the gap in what a received. The client receives (-R), since it is its
// intervals that are printed.
func (n *networks) survive(ctx context.Context, s *ownSwitch, a, b Station) (time.Duration, error) {
	length := max(transferLengths*n.Env.Length, 3*time.Second)
	ctx, cancel := context.WithTimeout(ctx, length+slack)
	defer cancel()
	server, err := n.Env.iperfServer(ctx, b)
	if err != nil {
		return 0, err
	}
	defer server.end()
	type outcome struct {
		result iperfResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := n.Env.iperfClient(ctx, a, []string{
			"-c", b.Addr4.String(), "-p", strconv.Itoa(n.Env.IPerfPort), "-J", "--connect-timeout", "3000",
			"-R", "-i", "0.1", "-t", seconds(length),
		})
		done <- outcome{r, err}
	}()
	kerr := s.kill(ctx, length/3)
	if kerr != nil {
		cancel()
	}
	o := <-done
	switch {
	case kerr != nil:
		return 0, kerr
	case o.err != nil:
		return 0, &brokenTransfer{o.err}
	}
	return o.result.gap()
}

// kill ends the switch process after a time as nobody should, and waits for the
// next one.
func (s *ownSwitch) kill(ctx context.Context, after time.Duration) error {
	if err := rest(ctx, after); err != nil {
		return err
	}
	before, err := s.api.Status(ctx)
	if err != nil {
		return err
	}
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		return fmt.Errorf("bench: kill the switch process: %w", err)
	}
	// A call that comes meanwhile waits in the socket's backlog, or breaks off with
	// the process that had taken it.
	for {
		now, err := s.api.Status(ctx)
		switch {
		case err == nil && now.PID != before.PID:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("bench: wait for the next switch process: %w", errors.Join(ctx.Err(), err))
		}
		if err := rest(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// nextToNothing is the share of the usual interval's bytes below which an interval
// counts to a gap.
const nextToNothing = 0.01

// gap returns how long the longest run of intervals was in which next to nothing
// arrived. It is an error if the transfer did not go on after it, or was not one
// connection.
func (r iperfResult) gap() (time.Duration, error) {
	if len(r.Start.Connected) != 1 {
		return 0, fmt.Errorf("bench: the transfer had %d connections, want one", len(r.Start.Connected))
	}
	var bytes []float64
	for _, i := range r.Intervals {
		bytes = append(bytes, i.Sum.Bytes)
	}
	if len(bytes) < 3 {
		return 0, fmt.Errorf("bench: iperf3 printed %d intervals", len(bytes))
	}
	least := nextToNothing * Median(slices.DeleteFunc(slices.Clone(bytes), func(b float64) bool { return b == 0 }))
	var longest, now float64
	for _, i := range r.Intervals {
		if now += i.Sum.Seconds; i.Sum.Bytes > least {
			now = 0
		}
		longest = max(longest, now)
	}
	if now > 0 && now == longest && now > 3*r.Intervals[0].Sum.Seconds {
		return 0, &brokenTransfer{errors.New("nothing arrived any more")}
	}
	return time.Duration(longest * float64(time.Second)), nil
}
