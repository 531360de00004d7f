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
// they are pinned. A second Close does nothing and returns what the first did.
func (s *Sandbox) Close() error {
	s.close.Do(func() { s.closeErr = s.end() })
	return s.closeErr
}

func (s *Sandbox) end() error {
	running := s.shut()
	for _, p := range running {
		p.Kill()
	}
	err := s.killAll(time.Now().Add(endGrace))
	for _, p := range running {
		<-p.done
	}
	return errors.Join(err, s.release())
}

// Release closes the descriptors and leaves the processes alone: what is pinned
// goes on without this Sandbox. A program that Command started still ends with
// this process.
func (s *Sandbox) Release() error {
	s.shut()
	s.close.Do(func() { s.closeErr = s.release() })
	return s.closeErr
}

// killAll looks until no process is left, since one that is being killed may have
// just started another.
func (s *Sandbox) killAll(deadline time.Time) error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	for {
		pids, err := members(ids)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := killMember(pid, ids, deadline); err != nil {
				return fmt.Errorf("sandbox: end process %d of %s: %w", pid, s.name, err)
			}
		}
	}
}

// nsID tells namespaces apart.
type nsID struct{ dev, ino uint64 }

// ids returns which namespaces are this sandbox's own.
func (s *Sandbox) ids() (map[Kind]nsID, error) {
	net := s.net.ID()
	out := map[Kind]nsID{Net: {net.Dev, net.Ino}}
	for k, f := range map[Kind]*os.File{Mount: s.mnt, UTS: s.uts} {
		var st unix.Stat_t
		if err := withFD(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
			return nil, fmt.Errorf("sandbox: identify the %s namespace of %s: %w", k, s.name, err)
		}
		out[k] = nsID{st.Dev, st.Ino}
	}
	return out, nil
}

// members returns the processes that are in one of the namespaces. One that has
// left some, by unshare(1), is still in the others.
func members(ids map[Kind]nsID) ([]int, error) {
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
func isMember(pid int, ids map[Kind]nsID) bool {
	for k, id := range ids {
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/%s", pid, k), &st); err != nil {
			return false
		}
		if id == (nsID{st.Dev, st.Ino}) {
			return true
		}
	}
	return false
}

// killMember kills a process through a descriptor (Linux 5.3), so that its number
// cannot become another's in between, and waits for its end.
func killMember(pid int, ids map[Kind]nsID, deadline time.Time) error {
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
