package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"vswitch/internal/api"
)

// box is a container of a switch.
type box struct {
	name string
	addr netip.Addr
}

// network makes a network and returns its gateway.
func (s *ownSwitch) network(ctx context.Context, name string) (gateway netip.Addr, err error) {
	if _, err := s.api.CreateNetwork(ctx, api.NetworkCreate{Name: name}); err != nil {
		return gateway, err
	}
	return s.gateway(ctx, name)
}

// gateway returns the IPv4 address of a network's gateway.
func (s *ownSwitch) gateway(ctx context.Context, network string) (gateway netip.Addr, err error) {
	made, err := s.api.Network(ctx, network)
	if err != nil {
		return gateway, err
	}
	for _, c := range made.IPAM.Config {
		if gateway, err = netip.ParseAddr(c.Gateway); err == nil && gateway.Is4() {
			return gateway, nil
		}
	}
	return gateway, fmt.Errorf("bench: the network %q has no gateway", network)
}

// box makes a container that stays until it is stopped.
func (s *ownSwitch) box(ctx context.Context, network, name string) (box, error) {
	if err := s.start(ctx, network, name); err != nil {
		return box{}, err
	}
	return s.find(ctx, network, name)
}

// start makes and starts one container that sleeps.
func (s *ownSwitch) start(ctx context.Context, network, name string) error {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return fmt.Errorf("bench: find a program for containers: %w", err)
	}
	c := api.ContainerCreate{
		Name: name, Cmd: []string{sleep, "infinity"}, Env: s.environ(),
		Networks: []api.EndpointConfig{{Network: network}},
	}
	if _, err := s.api.CreateContainer(ctx, c); err != nil {
		return err
	}
	_, err = s.api.Start(ctx, name, nil)
	return err
}

// find returns a container with its address on a network.
func (s *ownSwitch) find(ctx context.Context, network, name string) (box, error) {
	c, err := s.api.Container(ctx, name)
	if err != nil {
		return box{}, err
	}
	addr, err := netip.ParseAddr(c.NetworkSettings.Networks[network].IPAddress)
	if err != nil {
		return box{}, fmt.Errorf("bench: the container %q has no address on %q: %w", name, network, err)
	}
	return box{name, addr}, nil
}

// pair makes a network with two containers, as stations.
func (s *ownSwitch) pair(ctx context.Context, network string) (st []Station, gateway netip.Addr, err error) {
	if gateway, err = s.network(ctx, network); err != nil {
		return nil, gateway, err
	}
	for _, name := range []string{network + "-1", network + "-2"} {
		b, err := s.box(ctx, network, name)
		if err != nil {
			return nil, gateway, err
		}
		st = append(st, s.station(b))
	}
	return st, gateway, nil
}

// crowd makes count containers on a network by so many clients at a time, and
// returns how long that took. The first failure ends it.
func (s *ownSwitch) crowd(ctx context.Context, network string, count, clients int) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range min(clients, count) {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(count) && ctx.Err() == nil; i = next.Add(1) {
				if err := s.start(ctx, network, member(network, int(i))); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return 0, fmt.Errorf("bench: make %d containers: %w", count, err)
	}
	return time.Since(start), ctx.Err()
}

// member names container number i of a crowd.
func member(network string, i int) string { return fmt.Sprintf("%s-%d", network, i) }
