package sandbox

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// NeedsUserNS reports whether this process must first start itself again with
// Reexec: it is not root, or it is a root without CAP_SYS_ADMIN.
func NeedsUserNS() bool {
	return os.Geteuid() != 0 || !hasSysAdmin()
}

// hasSysAdmin looks at the effective set of the calling thread.
func hasSysAdmin() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// Rerun says how Reexec and Start start the program again. Every field may be left out.
type Rerun struct {
	// Path is the program; the default is the running one.
	Path string
	// Args is the command line with the program's name first; the default is the
	// running program's own.
	Args []string
	// Env is the environment; the default is the running program's own.
	Env []string
	// Stdin, Stdout and Stderr default to the running program's own.
	Stdin, Stdout, Stderr *os.File
	// Extra are further files, as descriptors 3 and up. Start only.
	Extra []*os.File
}

// Reexec runs this program again as root of a user namespace of its own, with a
// private mount namespace and in the same network namespace, and returns its exit
// code once it has ended; 128 + N when signal N ended it. Signals that ask a
// program to do something are passed on. When this process dies, so does the other.
//
// The error is a *NamespaceError when the machine does not allow it.
func Reexec(r Rerun) (code int, err error) {
	r.defaults()
	// The death signal is sent when the thread that forked ends, so a thread is
	// given to the child for life.
	err = netnsx.OnThread(func() (err error) {
		code, err = r.run()
		return err
	})
	return code, err
}

func (r *Rerun) defaults() {
	if r.Path == "" {
		r.Path = "/proc/self/exe"
	}
	if r.Args == nil {
		r.Args = os.Args
	}
	if r.Env == nil {
		r.Env = os.Environ()
	}
	for _, f := range []struct{ have, own **os.File }{
		{&r.Stdin, &os.Stdin}, {&r.Stdout, &os.Stdout}, {&r.Stderr, &os.Stderr},
	} {
		if *f.have == nil {
			*f.have = *f.own
		}
	}
}

func (r *Rerun) run() (int, error) {
	files := []*os.File{r.Stdin, r.Stdout, r.Stderr}
	attr := userNSAttr(unix.CLONE_NEWNS)
	attr.Pdeathsig = unix.SIGKILL
	shared := anyTerminal(files)
	attr.Setpgid = !shared
	f := startForwarder(shared)
	defer f.stop()
	p, err := os.StartProcess(r.Path, r.Args, &os.ProcAttr{Env: r.Env, Files: files, Sys: attr})
	if err != nil {
		return 0, refusedStart(err)
	}
	f.to(p)
	state, err := p.Wait()
	if err != nil {
		return 0, fmt.Errorf("sandbox: wait for the program in its user namespace: %w", err)
	}
	return exitCode(state), nil
}

// userNSAttr asks for a user namespace in which the calling user is root, and for
// the kinds in flags inside it. A mount namespace that is unshared here is made
// private by package syscall, between fork and exec.
func userNSAttr(flags uintptr) *syscall.SysProcAttr {
	one := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWUSER,
		Unshareflags: flags,
		UidMappings:  one(os.Geteuid()),
		GidMappings:  one(os.Getegid()),
		// Without setgroups an ordinary user may map its group (user_namespaces(7)).
		GidMappingsEnableSetgroups: false,
	}
}

// refusedStart finds out which of the namespaces was refused, since the start of a
// program fails with one bare error for all of them and for the program itself.
func refusedStart(err error) error {
	for _, k := range []Kind{User, Mount} {
		if cause := try(k, true); cause != nil {
			return cause
		}
	}
	return fmt.Errorf("sandbox: start again in a user namespace: %w", err)
}

func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}
