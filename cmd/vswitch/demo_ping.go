package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"vswitch/internal/api"
	"vswitch/internal/sandbox"
)

// demoPing is what one run of ping(8) found.
type demoPing struct {
	To       string  `json:"to"`
	Sent     int     `json:"sent"`
	Received int     `json:"received"`
	Mean     float64 `json:"mean_ms"`
}

// pingCount is how many answers are wanted, within pingSeconds.
const (
	pingCount   = 5
	pingSeconds = 10
)

// pings lets alice ping bob by both families.
func (d *demo) pings(ctx context.Context) error {
	if _, err := exec.LookPath("ping"); err != nil {
		d.skip("ping", "iputils-ping", "alice does not ping bob")
		return nil
	}
	v4, v6 := siteAddr(1)
	for _, addr := range []string{v4.Addr().String(), v6.Addr().String()} {
		p, err := d.ping(ctx, addr)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		d.result.Pings = append(d.result.Pings, p)
		d.say("ping    alice -> bob  %-12s  %s\n", addr, p)
	}
	return nil
}

// ping counts a late answer, as a person would: with both a count and a deadline,
// ping sends until so many answers have come, and fails if they do not in time.
func (d *demo) ping(ctx context.Context, addr string) (demoPing, error) {
	failed := func(why string) error {
		return api.Errorf(api.ExpectationFailed, nil, "alice cannot ping bob at %s", addr).Because("%s", why)
	}
	var out bytes.Buffer
	p, err := d.site.members[0].Sandbox().Command(ctx, sandbox.Cmd{
		Args: []string{
			"ping", "-n", "-q", "-i", "0.2", "-c", strconv.Itoa(pingCount), "-w", strconv.Itoa(pingSeconds), addr,
		},
		Stdout: &out, Stderr: &out,
	})
	if err != nil {
		return demoPing{}, failed(api.Reason(err))
	}
	code, err := p.Wait()
	if err != nil {
		return demoPing{}, failed(api.Reason(err))
	}
	got, ok := readPing(out.String())
	got.To = addr
	switch {
	case !ok:
		return got, failed(fmt.Sprintf("ping ended with %d: %s", code, lastLine(out.String())))
	case code != 0 || got.Received < pingCount:
		return got, failed(got.String())
	}
	return got, nil
}

// readPing reads the summary of iputils' ping; ok is false where there is none.
func readPing(out string) (p demoPing, ok bool) {
	for line := range strings.Lines(out) {
		var sent, received int
		if n, _ := fmt.Sscanf(line, "%d packets transmitted, %d received", &sent, &received); n == 2 {
			p.Sent, p.Received, ok = sent, received, true
		}
		if _, after, found := strings.Cut(line, "min/avg/max/mdev = "); found {
			if f := strings.Split(after, "/"); len(f) > 1 {
				p.Mean, _ = strconv.ParseFloat(f[1], 64) // 0, should it be no number
			}
		}
	}
	return p, ok
}

// String is the finding in half a line.
func (p demoPing) String() string {
	loss := 100
	if p.Sent > 0 {
		loss = 100 * (p.Sent - p.Received) / p.Sent
	}
	s := fmt.Sprintf("%d sent, %d received, %d%% loss", p.Sent, p.Received, loss)
	if p.Received > 0 {
		s += fmt.Sprintf(", mean %.3f ms", p.Mean)
	}
	return s
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
