package sandbox

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts a program that may make sandboxes and does not wait for it: a
// daemon, in a session of its own, working in the root directory. Where this
// process may not make namespaces itself (NeedsUserNS), the program is root of a
// user namespace of its own. It shares all other namespaces, so that it goes on to
// see what the host mounts. It finds r.Extra as its descriptors 3 and up.
//
// A program that is bound is killed when the calling thread ends: call it on one
// that lasts (netnsx.OnThread). The error is a *NamespaceError when the machine
// does not allow it.
func Start(r Rerun, bound bool) (*os.Process, error) {
	r.defaults()
	attr, needsUser := &syscall.SysProcAttr{}, NeedsUserNS()
	if needsUser {
		attr = userNSAttr(0)
	}
	attr.Setsid = true
	if bound {
		attr.Pdeathsig = unix.SIGKILL
	}
	files := append([]*os.File{r.Stdin, r.Stdout, r.Stderr}, r.Extra...)
	p, err := os.StartProcess(r.Path, r.Args, &os.ProcAttr{Dir: "/", Env: r.Env, Files: files, Sys: attr})
	switch {
	case err == nil:
		return p, nil
	case needsUser:
		return nil, refusedStart(err)
	}
	return nil, fmt.Errorf("sandbox: start %s: %w", r.Args[0], err)
}
