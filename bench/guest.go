package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// PeerOptions are what the runners of other programs share.
type PeerOptions struct {
	// Name is the runner's.
	Name string
	// Program is the peer's path, or its name.
	Program string
	// MTU is that of the device in the guest.
	MTU int
	// Inward has the host call a published port of the guest, not the guest the
	// host.
	Inward bool
	// Folder is where the runner may have files; empty for the machine's own place.
	Folder string
	// Env has the agent, which ends the peer when this process ends.
	Env *Env
}

// guestLink is the device that a peer makes in the guest.
const guestLink = "tap0"

// guest is a namespace that a peer joins to a private host.
type guest struct {
	PeerOptions
	host    *wayHost
	inside  *space
	dir     string
	program *process
}

// Name implements Runner.
func (g *guest) Name() string { return g.PeerOptions.Name }

// prepare makes the two namespaces.
func (g *guest) prepare() (err error) {
	if g.dir, err = os.MkdirTemp(g.Folder, "vswitch-bench-"); err != nil {
		return fmt.Errorf("bench: make a folder for %s: %w", g.Name(), err)
	}
	if g.host, err = newWayHost(g.Name() + "'s host"); err != nil {
		return err
	}
	s, err := newSpace()
	if err != nil {
		return err
	}
	g.inside = &s
	return nil
}

// mounted is the file at which the peer finds the guest's namespace.
func (g *guest) mounted() string { return filepath.Join(g.dir, "guest") }

// run starts the peer on the host, and waits for the guest's address. The peer may
// give up the right to look into this process, whose descriptor the namespace is.
func (g *guest) run(ctx context.Context, args ...string) error {
	if err := os.WriteFile(g.mounted(), nil, 0o600); err != nil {
		return fmt.Errorf("bench: make a file for the guest: %w", err)
	}
	return g.inside.ns.Control(func(fd int) (err error) {
		guard := []string{"guard", "-mount", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), "-at", g.mounted(), "--", g.Program}
		// The peer outlives the call, so it is not bound to ctx.
		if g.program, err = g.Env.agent(context.WithoutCancel(ctx), g.host.station, append(guard, args...)...); err != nil {
			return err
		}
		if err := g.addressed(ctx); err != nil {
			return g.program.fail(err)
		}
		return nil
	})
}

// peerStart is how long a peer may take to give the guest its address.
const peerStart = 10 * time.Second

func (g *guest) addressed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, peerStart)
	defer cancel()
	for {
		addrs, _ := g.inside.nl.Addrs(guestLink) // the device comes with the peer
		for _, a := range addrs {
			if a.Prefix.Addr().Is4() {
				return nil
			}
		}
		if err := rest(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("bench: %s gave the guest no address: %w", g.Program, err)
		}
	}
}

// stations are the guest and the host, the one that calls first.
func (g *guest) stations(addr netip.Addr) []Station {
	in := NewStation(g.Name()+"'s guest", g.inside.ns, addr, netip.Addr{})
	if !g.Inward {
		return []Station{in, g.host.station}
	}
	in.Port, in.Reach = publishedPort, hostAddr
	return []Station{g.host.station, in}
}

// Counters implements Runner: what crossed the guest's device, either way.
func (g *guest) Counters() (Counters, error) {
	c := Counters{Source: "the device in the guest, both directions"}
	l, err := g.inside.nl.Link(guestLink)
	if err != nil {
		return c, err
	}
	c.Frames, c.Bytes = l.Stats.RxPackets+l.Stats.TxPackets, l.Stats.RxBytes+l.Stats.TxBytes
	c.Drops = l.Stats.RxDropped + l.Stats.TxDropped
	return c, nil
}

// Close implements Runner. It ends the peer before the guest's namespace goes.
func (g *guest) Close() error {
	var err error
	if g.program != nil {
		g.program.end() // it is killed, and says so
		g.program = nil
	}
	if g.inside != nil {
		err = errors.Join(err, g.inside.close())
		g.inside = nil
	}
	if g.host != nil {
		err = errors.Join(err, g.host.close())
		g.host = nil
	}
	if g.dir != "" {
		err = errors.Join(err, os.RemoveAll(g.dir))
		g.dir = ""
	}
	return err
}
