package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// endGrace bounds how long Close waits for killed processes. A killed process is
// there until it leaves the kernel; only one that hangs in a driver takes longer.
const endGrace = 10 * time.Second

// register notes a process that is about to start.
func (s *Sandbox) register(p *Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.procs[p] = struct{}{}
	return nil
}

func (s *Sandbox) forget(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.procs, p)
}

// shut lets no process start any more and returns those that run.
func (s *Sandbox) shut() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	out := make([]*Process, 0, len(s.procs))
	for p := range s.procs {
		out = append(out, p)
	}
	return out
}

// Close kills every process in the namespaces, also those that a program has put
// into the background and those that another process has put there, waits for
// their end and closes the descriptors. With that the namespaces are gone, unless
// somebody else has got their Files. The host's network namespace does not count:
// who is in nothing else of the sandbox is left alone. A second Close does nothing
// and returns what the first did.
func (s *Sandbox) Close() error {
	s.close.Do(func() {
		err := endProcesses([]*Sandbox{s})
		s.closeErr = errors.Join(err, s.settle())
	})
	return s.closeErr
}

// CloseAll closes many sandboxes as Close does, but looks for their processes all
// at once: there may be as many processes as sandboxes.
func CloseAll(boxes []*Sandbox) error {
	err := endProcesses(boxes)
	for _, s := range boxes {
		s.close.Do(func() { s.closeErr = s.settle() })
		err = errors.Join(err, s.closeErr)
	}
	return err
}

// endProcesses lets no process start any more and ends those that there are.
func endProcesses(boxes []*Sandbox) error {
	ids := map[nsID]bool{}
	for _, s := range boxes {
		for _, p := range s.shut() {
			p.Kill()
		}
		if err := s.addIDs(ids); err != nil && !errors.Is(err, ErrClosed) {
			return err
		}
	}
	return killAll(ids, time.Now().Add(endGrace))
}

// settle waits for the programs that this process has started, all of which have
// been killed, and closes the descriptors.
func (s *Sandbox) settle() error {
	for _, p := range s.shut() {
		<-p.done
	}
	return s.release()
}

// Release closes the descriptors and leaves the processes alone: what somebody
// else has the Files of goes on without this Sandbox. A program that Command
// started still ends with this process.
func (s *Sandbox) Release() error {
	s.shut()
	s.close.Do(func() { s.closeErr = s.release() })
	return s.closeErr
}

// killAll looks until no process is left, since one that is being killed may have
// just started another.
func killAll(ids map[nsID]bool, deadline time.Time) error {
	for {
		pids, err := members(ids)
		if err != nil || len(pids) == 0 {
			return err
		}
		// All are told first, so that they end side by side.
		for _, await := range []bool{false, true} {
			for _, pid := range pids {
				if err := killMember(pid, ids, await, deadline); err != nil {
					return fmt.Errorf("sandbox: end process %d: %w", pid, err)
				}
			}
		}
	}
}

// nsID tells namespaces of all kinds apart.
type nsID struct{ dev, ino uint64 }

// addIDs adds which namespaces are this sandbox's own.
func (s *Sandbox) addIDs(ids map[nsID]bool) error {
	for _, k := range kinds {
		if k == Net && s.hostNet {
			continue
		}
		var st unix.Stat_t
		if err := s.control(k, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
			return fmt.Errorf("sandbox: identify the %s namespace of %s: %w", k, s.name, err)
		}
		ids[nsID{st.Dev, st.Ino}] = true
	}
	return nil
}

// members returns the processes that are in one of the namespaces. One that has
// left some, by unshare(1), is still in the others.
func members(ids map[nsID]bool) ([]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("sandbox: list the processes: %w", err)
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && isMember(pid, ids) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// isMember is false for what cannot be looked at: processes of other users, and
// those that have ended and wait for their parent.
func isMember(pid int, ids map[nsID]bool) bool {
	for _, k := range kinds {
		var st unix.Stat_t
		if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/"+string(k), &st); err != nil {
			return false
		}
		if ids[nsID{st.Dev, st.Ino}] {
			return true
		}
	}
	return false
}

// killMember kills a process through a descriptor (Linux 5.3), so that its number
// cannot become another's in between, and waits for its end if await says so.
func killMember(pid int, ids map[nsID]bool, await bool, deadline time.Time) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !isMember(pid, ids) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	if !await {
		return nil
	}
	return awaitExit(fd, deadline)
}

// awaitExit waits until the process behind a descriptor has ended.
func awaitExit(pidfd int, deadline time.Time) error {
	for {
		left := time.Until(deadline).Milliseconds()
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(max(left, 0)))
		switch {
		case n > 0:
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			return os.ErrDeadlineExceeded
		}
	}
}
