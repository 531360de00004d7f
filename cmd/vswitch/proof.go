package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
	"vswitch/internal/daemon"
	"vswitch/internal/doctor"
	"vswitch/internal/engine"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
)

// proof is what a private switch with two containers showed on this machine. It
// is made by the hidden command of that name, which runs where containers can be
// made, and read by doctor.
type proof struct {
	Offloads string `json:"offloads"`
	Loop     string `json:"io"`
	// NoUring is why io_uring does not work, NoGain why it is not used though it
	// does.
	NoUring string     `json:"no_uring,omitempty"`
	NoGain  string     `json:"no_gain,omitempty"`
	Problem *api.Error `json:"problem,omitempty"`
}

func proofCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "doctor-proof", Short: "Try a private switch, for doctor", Hidden: true, Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := &proof{}
			if err := machineError("cannot run a private switch", p.make(cmd.Context())); err != nil {
				p.Problem = api.AsError(err)
			}
			return writeJSON(a.out, p, "")
		},
	}
}

// make sends one datagram there and back through a switch of its own.
func (p *proof) make(ctx context.Context) (err error) {
	s := &site{name: "proof", cfg: daemon.Config{}}
	if err := s.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	loop, demoted := s.node.Loop()
	p.Loop = loop
	switch {
	case errors.Is(demoted, engine.ErrNoGain):
		p.NoGain = demoted.Error()
	case demoted != nil:
		p.NoUring = api.Reason(demoted)
	}
	p.Offloads = s.members[0].Device().Offloads().String()
	return s.exchange(ctx)
}

// exchange has alice send a datagram to bob and bob send it back.
func (s *site) exchange(ctx context.Context) error {
	v4, _ := siteAddr(1)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	bob, err := socketIn(s.members[1], func() (net.PacketConn, error) {
		return net.ListenPacket("udp4", netip.AddrPortFrom(v4.Addr(), 0).String())
	})
	if err != nil {
		return err
	}
	defer bob.Close()
	alice, err := socketIn(s.members[0], func() (net.Conn, error) {
		return net.Dial("udp4", bob.LocalAddr().String())
	})
	if err != nil {
		return err
	}
	defer alice.Close()
	deadline, _ := ctx.Deadline()
	alice.SetDeadline(deadline)
	bob.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { alice.Close(); bob.Close() })()
	return echo(alice, bob)
}

// socketIn makes a socket in a container's namespace, where it stays.
func socketIn[T any](m *daemon.Member, open func() (T, error)) (c T, err error) {
	err = m.Sandbox().NetNS().Do(func() (err error) {
		c, err = open()
		return err
	})
	return c, err
}

func echo(alice net.Conn, bob net.PacketConn) error {
	sent, buf := []byte("through the switch"), make([]byte, 64)
	if _, err := alice.Write(sent); err != nil {
		return fmt.Errorf("alice sends: %w", err)
	}
	n, from, err := bob.ReadFrom(buf)
	if err != nil {
		return fmt.Errorf("bob waits for alice's datagram: %w", err)
	}
	if _, err := bob.WriteTo(buf[:n], from); err != nil {
		return fmt.Errorf("bob answers: %w", err)
	}
	if n, err = alice.Read(buf); err != nil {
		return fmt.Errorf("alice waits for the answer: %w", err)
	}
	if !bytes.Equal(buf[:n], sent) {
		return fmt.Errorf("alice sent %q and got %q back", sent, buf[:n])
	}
	return nil
}

// proofChecks are doctor's checks that try the real thing, once for all of them.
func proofChecks() []doctor.Check {
	var p proof
	return []doctor.Check{
		{ID: "switch", Title: "private switch", Blocks: doctor.BlocksAll, After: []string{"namespaces", "tun"},
			Run: func(ctx context.Context) doctor.Finding {
				p = getProof(ctx)
				if p.Problem != nil {
					return doctor.FromError(p.Problem, "")
				}
				return doctor.Found("a datagram crossed a switch of two containers and came back")
			}},
		{ID: "offloads", Title: "TAP offloads", Blocks: doctor.BlocksSpeed, After: []string{"switch"},
			Run: func(context.Context) doctor.Finding {
				if p.Offloads == (tap.Csum | tap.TSO4 | tap.TSO6 | tap.TSOECN | tap.USO4 | tap.USO6).String() {
					return doctor.Found("%s", p.Offloads)
				}
				return doctor.Warning(api.TunOffloads, "only %s", p.Offloads)
			}},
		{ID: "io-uring-loop", Title: "io_uring loop", Blocks: doctor.BlocksSpeed, After: []string{"switch"},
			Run: func(context.Context) doctor.Finding {
				if p.NoUring != "" {
					return doctor.Warning(api.UringUnavailable, "not used: %s", p.NoUring)
				}
				if p.NoGain != "" {
					return doctor.Found("works; %s", p.NoGain)
				}
				return doctor.Found("works, and costs less a frame than epoll: it is used")
			}},
	}
}

// getProof makes the proof here, or where an ordinary user's containers live.
func getProof(ctx context.Context) (p proof) {
	r, w, err := os.Pipe()
	if err != nil {
		return proof{Problem: api.AsError(err)}
	}
	defer r.Close()
	args := []string{"vswitch", "doctor-proof"}
	if !sandbox.NeedsUserNS() {
		w.Close()
		if err := machineError("cannot run a private switch", p.make(ctx)); err != nil {
			p.Problem = api.AsError(err)
		}
		return p
	}
	_, err = sandbox.Reexec(sandbox.Rerun{Args: args, Stdout: w})
	w.Close()
	if err != nil {
		return proof{Problem: api.AsError(machineError("cannot run a private switch", err))}
	}
	b, err := io.ReadAll(r)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return proof{Problem: api.Errorf(api.ProbeFailed, err, "the private switch gave no answer")}
	}
	return p
}
