package bench

import (
	"context"
	"errors"
	"strconv"
)

// Names of the runners of the packet NAT.
const (
	runSwitched  = "switched"
	runRouted    = "kernel-router"
	runPacketNAT = "packet-nat"
	runFull      = "packet-nat-full"
)

// Networks of a packetBed: containers on inner reach outer through the packet NAT.
const (
	outerNetwork = "outer"
	innerNetwork = "inner"
)

// packetBed is a switch of its own with two networks, of which one is the way out of
// the other.
type packetBed struct {
	w    *ways
	host *wayHost
	own  *ownSwitch
}

func (w *ways) newPacketBed(ctx context.Context) (_ *packetBed, err error) {
	b := &packetBed{w: w}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.host, err = newWayHost("the switch's host"); err != nil {
		return nil, err
	}
	if b.own, err = w.place(); err != nil {
		return nil, err
	}
	if err := b.own.call(context.WithoutCancel(ctx), b.host.station, "up"); err != nil {
		return nil, err
	}
	inner := []string{"--uplink", "network:" + outerNetwork, "--opt", "vswitch.max_flows=" + strconv.Itoa(fillMost), innerNetwork}
	for _, args := range [][]string{{outerNetwork}, inner} {
		if err := b.call(ctx, append([]string{"network", "create"}, args...)...); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *packetBed) call(ctx context.Context, args ...string) error {
	return b.own.call(ctx, b.host.station, args...)
}

// add makes a container on a network.
func (b *packetBed) add(ctx context.Context, network, name string) (Station, error) {
	if err := b.call(ctx, "run", "-d", "--name", name, "--network", network, "--", "sleep", "infinity"); err != nil {
		return Station{}, err
	}
	found, err := b.own.find(ctx, network, name)
	return b.own.station(found), err
}

// pair makes two containers, of which the first calls the second.
func (b *packetBed) pair(ctx context.Context, name, from, to string) (*bedSite, error) {
	s := &bedSite{name: name, bed: b, caller: name + "-1"}
	first, err := b.add(ctx, from, s.caller)
	if err != nil {
		return nil, err
	}
	second, err := b.add(ctx, to, name+"-2")
	s.stations = []Station{first, second}
	return s, err
}

func (b *packetBed) close() error {
	var err error
	if b.own != nil {
		_, err = b.own.down()
		b.own = nil
	}
	if b.host != nil {
		err = errors.Join(err, b.host.close())
		b.host = nil
	}
	return err
}

// bedSite is two containers of a packetBed.
type bedSite struct {
	name     string
	bed      *packetBed
	caller   string
	stations []Station
}

// Name implements Runner.
func (s *bedSite) Name() string { return s.name }

// Start implements Runner.
func (s *bedSite) Start(context.Context) ([]Station, error) { return s.stations, nil }

// Counters implements Runner: what the caller's port carried, either way.
func (s *bedSite) Counters() (Counters, error) {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	return s.bed.own.carried(ctx, s.caller)
}

// Close implements Runner. The containers go with their switch.
func (s *bedSite) Close() error { return nil }

// measurePacket compares the packet NAT with switching, and with routing.
func (w *ways) measurePacket(ctx context.Context) (err error) {
	w.tell("packet: a switch with two networks")
	b, err := w.newPacketBed(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closing(err, b.close()) }()
	switched, err := b.pair(ctx, runSwitched, outerNetwork, outerNetwork)
	if err != nil {
		return err
	}
	nat, err := b.pair(ctx, runPacketNAT, innerNetwork, outerNetwork)
	if err != nil {
		return err
	}
	return w.compare(ctx, "packet", switched, []Runner{nat, NewRouter(runRouted)}, append(w.bulk(), rrUDP))
}

// closing makes a failure to take a switch down one that ends the measurement.
func closing(err, closed error) error {
	if closed != nil {
		return &switchError{errors.Join(closed, err)}
	}
	return err
}
