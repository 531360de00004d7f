package bench

import (
	"context"
	"fmt"

	"vswitch/internal/api"
)

// Proof is what a switch's own books say of what was measured over it.
type Proof struct {
	Section string `json:"section"`
	Runner  string `json:"runner"`
	// Carried is what the container's port carried since it was made, and Copied how
	// much payload the switch process copied meanwhile, both in bytes.
	Carried uint64 `json:"carried_bytes"`
	Copied  uint64 `json:"copied_bytes"`
	// Connections is what conntrack showed while a connection was open.
	Connections []api.Connection `json:"connections"`
	// Problem says why there is no proof.
	Problem string `json:"problem,omitempty"`
}

// prover is a runner that has a proof once it is closed.
type prover interface{ Proof() Proof }

// prove opens a connection over the way and asks the switch for it. It works on what
// there is: its problem is part of the proof.
func (o *ownWay) prove() Proof {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	if o.box.name == "" { // it was not made
		return Proof{}
	}
	p := Proof{Runner: o.name, Connections: []api.Connection{}}
	if err := o.proveOver(ctx, &p); err != nil {
		p.Problem = err.Error()
	}
	return p
}

func (o *ownWay) proveOver(ctx context.Context, p *Proof) error {
	st := o.stations()
	echo, at, err := o.w.Env.listener(ctx, st[1], "echo", "-proto", "tcp")
	if err != nil {
		return err
	}
	defer echo.end()
	ping, err := o.w.Env.agent(ctx, st[0], "ping", "-proto", "tcp", "-to", at.String(), "-for", proveFor.String())
	if err != nil {
		return err
	}
	defer ping.end()
	if err := rest(ctx, proveFor/2); err != nil {
		return err
	}
	all, err := o.own.api.Connections(ctx, wayNetwork)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Protocol == "tcp" {
			p.Connections = append(p.Connections, c)
		}
	}
	return o.proveCopies(ctx, p)
}

func (o *ownWay) proveCopies(ctx context.Context, p *Proof) error {
	stats, err := o.own.api.Stats(ctx)
	if err != nil {
		return err
	}
	c, err := o.own.carried(ctx, wayBox)
	p.Carried, p.Copied = c.Bytes, stats.CopiedBytes
	return err
}

// String is the proof as a sentence.
func (p Proof) String() string {
	head := fmt.Sprintf("Proof (%s, %s): ", p.Section, p.Runner)
	if p.Problem != "" {
		return head + "none: " + p.Problem + "."
	}
	head += fmt.Sprintf("the container's port carried %d MB, of which %d bytes of payload were copied in userspace", p.Carried/1e6, p.Copied)
	if len(p.Connections) == 0 {
		return head + "; conntrack showed no connection."
	}
	c := p.Connections[0]
	return fmt.Sprintf("%s; conntrack showed %d connections, the first %s %s by %s, from %s to %s.",
		head, len(p.Connections), c.Direction, c.Protocol, c.Path, c.Inside, c.Remote)
}
