package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"vswitch/internal/api"
)

// Ways of publishing a port, as --publish-mode names them.
const (
	sourceMode = api.PublishSource
	spliceMode = api.PublishSplice
)

// ownWay is the way out of and into a container of a switch of its own, on a private
// host.
type ownWay struct {
	name string
	w    *ways
	mtu  int
	// mode is how the container's port is published; empty has the container call.
	mode string

	host *wayHost
	own  *ownSwitch
	box  box
	pid  int
	last Proof
}

// Names of what an ownWay makes.
const (
	wayNetwork = "way"
	wayBox     = "box"
)

// Name implements Runner.
func (o *ownWay) Name() string { return o.name }

// Start implements Runner.
func (o *ownWay) Start(ctx context.Context) ([]Station, error) {
	err := o.build(ctx)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o.stations(), nil
}

func (o *ownWay) build(ctx context.Context) (err error) {
	if o.host, err = newWayHost(o.name + "'s host"); err != nil {
		return err
	}
	if o.own, err = o.w.place(); err != nil {
		return err
	}
	// A start is not broken off: the switch would come up when nobody waits any more.
	if err := o.own.call(context.WithoutCancel(ctx), o.host.station, "up"); err != nil {
		return err
	}
	if err := o.own.call(ctx, o.host.station, "network", "create", "--mtu", strconv.Itoa(o.mtu), wayNetwork); err != nil {
		return err
	}
	if err := o.own.call(ctx, o.host.station, o.runArgs()...); err != nil {
		return err
	}
	if o.box, err = o.own.find(ctx, wayNetwork, wayBox); err != nil {
		return err
	}
	c, err := o.own.api.Container(ctx, wayBox)
	o.pid = c.State.Pid
	return err
}

// runArgs is the command that makes the container.
func (o *ownWay) runArgs() []string {
	args := []string{"run", "-d", "--name", wayBox, "--network", wayNetwork}
	if o.mode != "" {
		at := netip.AddrPortFrom(o.reach(), publishedPort).String() + ":" + strconv.Itoa(publishedPort)
		args = append(args, "-p", at+"/tcp", "-p", at+"/udp", "--publish-mode", o.mode)
	}
	return append(args, "--", "sleep", "infinity")
}

// reach is where the published port is called. What is spliced is compared with what
// others do for the host's loopback address.
func (o *ownWay) reach() netip.Addr {
	if o.mode == spliceMode {
		return loopAddr
	}
	return hostAddr
}

func (o *ownWay) stations() []Station {
	in := o.own.station(o.box)
	if o.mode == "" {
		return []Station{in, o.host.station}
	}
	in.Port, in.Reach = publishedPort, o.reach()
	return []Station{o.host.station, in}
}

// Counters implements Runner: what the container's port carried, either way. TCP
// that is spliced crosses the container's loopback device instead.
func (o *ownWay) Counters() (Counters, error) {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	c, err := o.own.carried(ctx, wayBox)
	if err != nil || o.mode != spliceMode {
		return c, err
	}
	c.Source += ", and received by the container's loopback device"
	return c, c.addDevice(o.pid, loopLink)
}

// carried sums what a container's ports carried, either way: each frame that the
// container sends or gets, once.
func (s *ownSwitch) carried(ctx context.Context, container string) (Counters, error) {
	stats, err := s.api.Stats(ctx)
	c := Counters{Source: "the switch's own ledger"}
	for _, p := range stats.Ports {
		if p.Container == container {
			c.Frames += p.RxFrames + p.TxFrames
			c.Bytes += p.RxBytes + p.TxBytes
			c.Drops += p.RingDrops
		}
	}
	return c, err
}

// Proof implements prover.
func (o *ownWay) Proof() Proof { return o.last }

// Close implements Runner.
func (o *ownWay) Close() error {
	var err error
	if o.own != nil {
		o.last = o.prove()
		_, err = o.own.down()
		o.own = nil
	}
	if o.host != nil {
		err = errors.Join(err, o.host.close())
		o.host = nil
	}
	return err
}

// call runs a command of the program for this switch at a station, to its end.
func (s *ownSwitch) call(ctx context.Context, at Station, args ...string) error {
	cmd := s.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := at.Start(cmd); err != nil {
		return fmt.Errorf("bench: vswitch %s: %w", args[0], err)
	}
	done := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer done()
	// A process that the command leaves in the background may keep its output open.
	if err := cmd.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("bench: vswitch %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// proveFor is how long a connection is open while the switch is asked for it.
const proveFor = time.Second
