package doctor

import (
	"context"
	"fmt"
	"time"

	"vswitch/internal/api"
)

// Status is what a check found.
type Status string

// The verdicts. Fail means that what the check's Blocks names does not work;
// Warn, that it works worse; Skip, that an earlier finding leaves nothing to try.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// What a finding blocks. Findings are shown in groups of it, in the order in
// which the checks were handed in.
const (
	BlocksAll   = "everything"
	BlocksSpeed = "full speed"
	BlocksDemo  = "demo's measurements"
	BlocksPing  = "pings to the world"
)

// Finding is the outcome of one check.
type Finding struct {
	Status Status
	// Detail is one line: what was tried and what came back.
	Detail string
	// Code is the catalogue's, when Status is Warn or Fail.
	Code api.Code
	// Fix has shell commands, one a line, that an administrator can paste. Empty
	// where no command helps.
	Fix string
}

// Found returns an OK finding.
func Found(format string, args ...any) Finding {
	return Finding{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

// Warning returns a finding for something that works worse than it could.
func Warning(code api.Code, format string, args ...any) Finding {
	return Finding{Status: Warn, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Failure returns a finding for something that does not work.
func Failure(code api.Code, format string, args ...any) Finding {
	return Finding{Status: Fail, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// WithFix returns f with shell commands that repair it.
func (f Finding) WithFix(commands string) Finding {
	f.Fix = commands
	return f
}

// FromError makes a Failure of err, with its code and reason; OK for nil.
func FromError(err error, ok string) Finding {
	if err == nil {
		return Finding{Status: OK, Detail: ok}
	}
	e := api.AsError(err)
	if e.Code == api.Unexpected {
		return Failure(api.ProbeFailed, "%s", e.Why)
	}
	detail := e.Message
	if e.Why != "" {
		detail += ": " + e.Why
	}
	return Failure(e.Code, "%s", detail)
}

// Check is one thing that doctor tries.
type Check struct {
	// ID is a short stable word for scripts; Title is for people.
	ID, Title string
	// Blocks says what does not work when the check fails.
	Blocks string
	// After names checks that must not have failed for this one to mean anything.
	After []string
	// Run tries. It must honour the context and leave nothing behind.
	Run func(context.Context) Finding
}

// patience is how long one check may take. Trying out a TAP or a namespace takes
// milliseconds; what takes longer hangs.
const patience = 10 * time.Second

// Run tries all checks in order and returns what they found. A check that
// panics or does not come back becomes a finding of its own.
func Run(ctx context.Context, checks []Check) Report {
	r := Report{Schema: Schema, Checks: []Result{}}
	failed := map[string]bool{}
	for _, c := range checks {
		f := Finding{Status: Skip}
		if name := firstFailed(c.After, failed); name != "" {
			f.Detail = "not tried, because of " + name
		} else {
			f = attempt(ctx, c)
		}
		failed[c.ID] = f.Status == Fail || f.Status == Skip
		r.Checks = append(r.Checks, Result{
			ID: c.ID, Title: c.Title, Blocks: c.Blocks,
			Status: f.Status, Detail: f.Detail, Code: f.Code, Fix: f.Fix,
		})
	}
	return r
}

// firstFailed returns the first of names that is in failed.
func firstFailed(names []string, failed map[string]bool) string {
	for _, n := range names {
		if failed[n] {
			return n
		}
	}
	return ""
}

// attempt runs one check on a goroutine of its own. A check that ignores its
// context is left behind: doctor is about to end anyway.
func attempt(ctx context.Context, c Check) Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan Finding, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- Failure(api.ProbeFailed, "the check itself failed: %v", p)
			}
		}()
		done <- c.Run(ctx)
	}()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
		return Failure(api.ProbeFailed, "no answer: %s", api.Reason(ctx.Err()))
	}
}
