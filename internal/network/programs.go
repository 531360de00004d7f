package network

import (
	"context"
	"os"
	"syscall"

	"vswitch/internal/sandbox"
)

// Programs keeps namespaces and programs beyond the life of this process: the
// keeper does. Errors of Run are exec.ErrNotFound and fs.ErrPermission for the
// program's own, wrapped.
type Programs interface {
	// Hold keeps the namespaces of a sandbox under an ID; Held gives them back as a
	// sandbox of the caller's, Holds lists the IDs, Drop lets them go.
	Hold(id string, s *sandbox.Sandbox) error
	Held(id string) (*sandbox.Sandbox, error)
	Holds() ([]string, error)
	Drop(id string) error

	// Run starts a program in a held sandbox. A nil file is /dev/null. The files stay
	// the caller's.
	Run(spec RunSpec, files [3]*os.File) (Program, error)
	// Runs lists all programs that were started and not forgotten, also by an earlier
	// process; Program finds one of them.
	Runs() ([]RunState, error)
	Program(id string) (Program, error)
	// Forget drops what is known about a program that has ended.
	Forget(id string) error
}

// RunSpec is a program to run.
type RunSpec struct {
	ID   string // unique
	Box  string // the ID that the sandbox is held under
	Args []string
	Env  []string
	Dir  string
	// Tty makes the first file the program's controlling terminal.
	Tty bool
}

// RunState is how a program fares.
type RunState struct {
	ID      string
	Box     string
	PID     int
	Running bool
	Code    int // once it has ended
}

// Program is one that was started.
type Program interface {
	ID() string
	PID() int
	// Wait returns its exit code, 128+N when signal N ended it.
	Wait(ctx context.Context) (int, error)
	Signal(syscall.Signal) error
	// Kill ends it and its process group.
	Kill() error
}
