package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"time"
)

// Env is what a workload measures with.
type Env struct {
	// Agent is the command line that AgentMain's args are appended to.
	Agent []string
	// IPerf is the iperf3 program; IPerfPort the port it uses in the stations.
	IPerf     string
	IPerfPort int
	// Congestion names the TCP congestion control; empty leaves the machine's.
	Congestion string
	// Warmup is left out before each window of Length.
	Warmup, Length time.Duration
}

// slack is how much longer than its window a program in a station may take
// before it is ended.
const slack = 15 * time.Second

// process is a program of ours in a station.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout io.Reader
	lines  *json.Decoder
	stderr bytes.Buffer
}

// agent starts a command of the agent in a station. The end of ctx kills it.
func (e *Env) agent(ctx context.Context, st Station, args ...string) (*process, error) {
	argv := append(append([]string{}, e.Agent...), args...)
	p := &process{name: args[0] + " in " + st.Name, cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	p.cmd.Stderr, p.cmd.WaitDelay = &p.stderr, 2*time.Second
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := st.Start(p.cmd); err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.stdin, p.stdout, p.lines = in, out, json.NewDecoder(out)
	return p, nil
}

// listener starts a command of the agent that waits for a peer, and returns
// where it waits.
func (e *Env) listener(ctx context.Context, st Station, args ...string) (*process, netip.AddrPort, error) {
	p, err := e.agent(ctx, st, append(args, "-listen", netip.AddrPortFrom(st.Addr4, st.Port).String())...)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	var l listening
	if err := p.lines.Decode(&l); err != nil {
		return nil, netip.AddrPort{}, p.fail(err)
	}
	return p, st.reach(l.Listening.Port()), nil
}

// stop tells the process to end; report then gets what it still has to say.
func (p *process) stop() { _ = p.stdin.Close() }

// report decodes the process's last line and waits for its end.
func (p *process) report(v any) error {
	if err := p.lines.Decode(v); err != nil {
		return p.fail(err)
	}
	return p.wait()
}

// wait drains the process's output and collects its exit code.
func (p *process) wait() error {
	_, _ = io.Copy(io.Discard, p.stdout)
	p.stop()
	if err := p.cmd.Wait(); err != nil {
		return p.failed(err)
	}
	return nil
}

// fail ends a process that did not say what it should.
func (p *process) fail(err error) error {
	p.stop()
	_, _ = io.Copy(io.Discard, p.stdout)
	if werr := p.cmd.Wait(); werr != nil {
		err = werr
	}
	return p.failed(err)
}

// failed is err with what the process wrote to standard error.
func (p *process) failed(err error) error {
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		return fmt.Errorf("%s: %w: %s", p.name, err, said)
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// end stops a process whose report nobody wants, for use in a defer after an
// error; it may follow report.
func (p *process) end() {
	if p.cmd.ProcessState == nil {
		_ = p.fail(errors.New("ended"))
	}
}
