package daemon

import (
	"context"
	"os"

	"vswitch/internal/network"
	"vswitch/internal/sandbox"
	"vswitch/internal/sandbox/keeper"
)

// programs is the keeper as the networks know it.
type programs struct{ k *keeper.Switch }

func (p programs) Hold(id string, s *sandbox.Sandbox) error   { return p.k.Hold(id, s) }
func (p programs) Held(id string) (*sandbox.Sandbox, error)   { return p.k.Held(id) }
func (p programs) Holds() ([]string, error)                   { return p.k.Containers() }
func (p programs) Drop(id string) error                       { return p.k.Drop(id) }
func (p programs) Forget(id string) error                     { return p.k.Forget(id) }
func (p programs) Program(id string) (network.Program, error) { return program(p.k.Handle(id)) }

func (p programs) Run(s network.RunSpec, files [3]*os.File) (network.Program, error) {
	return program(p.k.Run(context.Background(), keeper.RunSpec{
		ID: s.ID, Container: s.Box, Args: s.Args, Env: s.Env, Dir: s.Dir, Tty: s.Tty,
	}, files))
}

// program keeps a nil handle from becoming an interface that is not nil.
func program(h *keeper.Handle, err error) (network.Program, error) {
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (p programs) Runs() ([]network.RunState, error) {
	runs, err := p.k.Runs()
	out := make([]network.RunState, 0, len(runs))
	for _, r := range runs {
		out = append(out, network.RunState{ID: r.ID, Box: r.Container, PID: r.PID, Running: r.Running, Code: r.Code})
	}
	return out, err
}
