package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"vswitch/internal/api"
)

// errNoPing says that the machine has no ping.
var errNoPing = errors.New("bench: ping is not installed")

// pingLine is the program whose first answer is waited for. It asks once and may
// wait ten seconds for the answer.
func pingLine(to string) ([]string, error) {
	path, err := exec.LookPath("ping")
	if err != nil {
		return nil, errNoPing
	}
	return []string{path, "-n", "-c", "1", "-W", "10", to}, nil
}

// answered reads ping's output up to the line about an answer, which it writes out
// at once, and returns when that came.
func answered(out io.Reader) (time.Time, error) {
	lines, said := bufio.NewScanner(out), []string{}
	for lines.Scan() {
		if strings.Contains(lines.Text(), " bytes from ") {
			return time.Now(), nil
		}
		said = append(said, lines.Text())
	}
	return time.Time{}, fmt.Errorf("bench: ping got no answer: %s", strings.TrimSpace(strings.Join(said, " ")))
}

// firstPacket runs a command that ends in ping and returns how long it took from
// its start to the first answer, and to its own end.
func firstPacket(cmd *exec.Cmd) (first, whole time.Duration, err error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, fmt.Errorf("bench: start %s: %w", cmd.Path, err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("bench: start %s: %w", cmd.Path, err)
	}
	at, err := answered(out)
	_, _ = io.Copy(io.Discard, out) // ping's statistics
	if werr := cmd.Wait(); werr != nil {
		return 0, 0, fmt.Errorf("bench: %w: %w: %s", werr, err, strings.TrimSpace(said.String()))
	}
	return at.Sub(start), time.Since(start), err
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measureRun starts containers on a switch that is up.
func (n *networks) measureRun(ctx context.Context) error {
	return n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		gateway, err := s.network(ctx, "net")
		if err != nil {
			return err
		}
		line, err := pingLine(gateway.String())
		if err != nil {
			return err
		}
		for i := range n.Rounds {
			n.tell("run to first packet, %d of %d", i+1, n.Rounds)
			first, whole, err := firstPacket(s.command(append([]string{"run", "--rm", "--network", "net", "--"}, line...)...))
			if err != nil {
				return err
			}
			n.add(runFirst, millis(first))
			n.add(runWhole, millis(whole))
			direct, err := s.firstByAPI(ctx, "net", line)
			if err != nil {
				return err
			}
			n.add(runAPI, millis(direct))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}

// firstByAPI does the same without a process of the program.
func (s *ownSwitch) firstByAPI(ctx context.Context, network string, line []string) (_ time.Duration, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer out.Close()
	start := time.Now()
	made, err := s.api.CreateContainer(ctx, api.ContainerCreate{
		Cmd: line, Env: s.environ(), AutoRemove: true, Networks: []api.EndpointConfig{{Network: network}},
	})
	if err != nil {
		return 0, errors.Join(err, in.Close())
	}
	run, err := s.api.Start(ctx, made.ID, &[3]*os.File{null, in, null})
	if err = errors.Join(err, in.Close()); err != nil {
		return 0, err
	}
	defer run.Close()
	at, err := answered(out)
	if err != nil {
		return 0, err
	}
	if _, err := run.Wait(ctx); err != nil {
		return 0, err
	}
	return at.Sub(start), nil
}

// measureCold starts a container where no switch runs yet, each time on a switch
// of its own.
func (n *networks) measureCold(ctx context.Context) error {
	line, err := n.coldLine(ctx)
	if err != nil {
		return err
	}
	for i := range n.few() {
		n.tell("cold run to first packet, %d of %d", i+1, n.few())
		if err := n.cold(line); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// coldLine asks a first switch which address the gateway of the network bridge has:
// the switches after it choose the same subnet, the first one that is free.
func (n *networks) coldLine(ctx context.Context) (line []string, err error) {
	err = n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		gateway, err := s.gateway(ctx, "bridge")
		if err == nil {
			line, err = pingLine(gateway.String())
		}
		return err
	})
	return line, err
}

// cold is one cold start. It is not broken off: what it starts must be seen to be
// taken down.
func (n *networks) cold(line []string) error {
	s, err := n.place()
	if err != nil {
		return err
	}
	first, _, err := firstPacket(s.command(append([]string{"run", "--rm", "--"}, line...)...))
	if _, derr := s.down(); derr != nil {
		return &switchError{errors.Join(derr, err)}
	}
	if err == nil {
		n.add(coldFirst, millis(first))
	}
	return err
}
