package keeper

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

// child is a switch process.
type child struct {
	process *os.Process
	// how it ended, in words; set when it is sent to keeper.ended.
	how string
	// ready and failed are what it has said. They are the supervisor's.
	ready  bool
	failed *api.Error
}

// startChild starts a switch process. The thread that starts it waits for its end,
// since the death signal is bound to it.
func (k *keeper) startChild(api *os.File, restarts int) (*child, error) {
	here, there, err := connPair()
	if err != nil {
		return nil, err
	}
	defer there.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: k.args, Dir: "/",
		Env:         announce(append(os.Environ(), fmt.Sprintf("%s=3 4 %d", switchEnv, restarts)), k.sockets),
		ExtraFiles:  append([]*os.File{api, there}, k.sockets...),
		Stdout:      os.Stdout,
		Stderr:      os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	}
	c := &child{}
	started := make(chan error, 1)
	go k.await(cmd, c, started)
	if err := <-started; err != nil {
		_ = here.close() // it was not used
		return nil, fmt.Errorf("keeper: start the switch process: %w", err)
	}
	c.process = cmd.Process
	go (&session{k: k, conn: here, child: c}).serve()
	return c, nil
}

// await is the life of a switch process on its thread.
func (k *keeper) await(cmd *exec.Cmd, c *child, started chan<- error) {
	var end error
	err := netnsx.OnThread(func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		started <- nil
		end = cmd.Wait()
		return nil
	})
	if err != nil {
		started <- err
		return
	}
	c.how = "exit status 0"
	if end != nil {
		c.how = end.Error()
	}
	k.ended <- c
}
