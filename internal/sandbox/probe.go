package sandbox

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Check is one thing that a container needs, tried on this machine.
type Check struct {
	// Name says what was tried, for people: "user namespace".
	Name string
	Kind Kind
	// Err is nil when it works, else a *NamespaceError with the cause.
	Err error
}

// Probe tries to make each kind of namespace that a container needs, in the way
// that this process would have to: an ordinary user inside a user namespace. What
// it makes is gone when it returns.
func Probe() []Check {
	user := NeedsUserNS()
	checks := []Check{
		{Name: "mount namespace", Kind: Mount},
		{Name: "network namespace", Kind: Net},
		{Name: "host name namespace", Kind: UTS},
	}
	if user {
		checks = append([]Check{{Name: "user namespace", Kind: User}}, checks...)
	}
	for i := range checks {
		if i > 0 && user && checks[0].Err != nil {
			// Nothing can be made inside a user namespace that cannot be made.
			checks[i].Err = checks[0].Err
			continue
		}
		checks[i].Err = try(checks[i].Kind, user)
	}
	return checks
}

// try starts a program that does not exist in such a namespace. Namespaces come
// before execve, so "no such file" says that all of them were made, and by then
// they are gone.
func try(k Kind, user bool) error {
	attr := &syscall.SysProcAttr{}
	if user {
		attr = userNSAttr(0)
	}
	if k != User {
		attr.Unshareflags = uintptr(k.cloneFlag())
	}
	const none = "/proc/self/fdinfo/none"
	p, err := os.StartProcess(none, []string{none}, &os.ProcAttr{Sys: attr})
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err == nil:
		_, err = p.Wait()
		return errors.Join(errors.New("sandbox: a program without a file was started"), err)
	default:
		return refused(k, errors.Unwrap(err))
	}
}
