package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a program that runs, or ran, in a sandbox.
type Process struct {
	box *Sandbox
	// done is closed when the program has ended and code and ioErr are set.
	done  chan struct{}
	code  int
	ioErr error

	// mu makes sure that a group is signalled only while its leader has not been
	// waited for: the number cannot have become somebody else's.
	mu     sync.Mutex
	cmd    *exec.Cmd
	killed bool
	ended  bool
}

func newProcess(s *Sandbox) *Process {
	return &Process{box: s, done: make(chan struct{})}
}

// Pid returns the number of the process, as this process sees it.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the program's end and returns its exit code, 128 + N when signal N
// ended it. The error is about its input and output, never about its code. Any
// number of goroutines may wait, at any time.
func (p *Process) Wait() (code int, err error) {
	<-p.done
	return p.code, p.ioErr
}

// Signal sends the program a signal, not what it has started in turn.
// os.ErrProcessDone when it has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return fmt.Errorf("sandbox: signal process %d: %w", p.Pid(), err)
	}
	return nil
}

// Kill ends the program and its process group at once. It does not wait.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.cmd != nil && !p.ended {
		// It can only fail with ESRCH, and the leader is there until it is waited for.
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	}
}

// begin notes the started program; it may have been killed before it was there.
func (p *Process) begin(cmd *exec.Cmd) {
	p.mu.Lock()
	p.cmd = cmd
	killed := p.killed
	p.mu.Unlock()
	if killed {
		p.Kill()
	}
}

// end waits for the program on the thread that started it.
func (p *Process) end() {
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	err := p.cmd.Wait()
	_, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited && !errors.Is(err, exec.ErrWaitDelay) {
		p.ioErr = fmt.Errorf("sandbox: copy the output of process %d: %w", p.Pid(), err)
	}
	p.code = exitCode(p.cmd.ProcessState)
}
