package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is a kind of namespace, by the name that /proc/PID/ns has for it.
type Kind string

// The kinds that a container needs; User is for ordinary users only.
const (
	User  Kind = "user"
	Net   Kind = "net"
	Mount Kind = "mnt"
	UTS   Kind = "uts"
)

// cloneFlag is the kind's bit for unshare(2) and setns(2).
func (k Kind) cloneFlag() int {
	return map[Kind]int{
		User: unix.CLONE_NEWUSER, Net: unix.CLONE_NEWNET, Mount: unix.CLONE_NEWNS, UTS: unix.CLONE_NEWUTS,
	}[k]
}

// Cause says why the kernel refused a namespace.
type Cause uint8

// The causes, from the most to the least specific.
const (
	// CauseUnknown: none of the following; the system's error is all there is.
	CauseUnknown Cause = iota
	// CauseLimitZero: the sysctl user.max_KIND_namespaces is 0.
	CauseLimitZero
	// CauseLimitReached: as many namespaces as that sysctl allows exist, or they
	// are nested too deeply.
	CauseLimitReached
	// CauseCloneSysctl: kernel.unprivileged_userns_clone is 0 (Debian's switch).
	CauseCloneSysctl
	// CauseAppArmor: kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu's).
	CauseAppArmor
	// CauseSeccomp: a system call filter is on this process, as containers have it.
	CauseSeccomp
	// CauseNotBuilt: the kernel was built without this kind of namespace.
	CauseNotBuilt
	// CauseNoRight: the process may not administer its own user namespace.
	CauseNoRight
)

// NamespaceError is a namespace that could not be made.
type NamespaceError struct {
	Kind  Kind
	Cause Cause
	// Err is the system's error.
	Err error
}

// Error returns kind, cause and the system's error in one line.
func (e *NamespaceError) Error() string {
	return fmt.Sprintf("sandbox: make a %s namespace: %v (%s)", e.Kind, e.Err, e.Why())
}

// Unwrap returns the system's error.
func (e *NamespaceError) Unwrap() error { return e.Err }

// Why says in a clause what stands in the way.
func (e *NamespaceError) Why() string {
	switch e.Cause {
	case CauseLimitZero:
		return "the sysctl " + limitSysctl(e.Kind) + " is 0"
	case CauseLimitReached:
		return "the limit " + limitSysctl(e.Kind) + " is reached, or namespaces are nested too deeply"
	case CauseCloneSysctl:
		return "the sysctl " + cloneSysctl + " is 0"
	case CauseAppArmor:
		return "AppArmor forbids it to ordinary users: the sysctl " + appArmorSysctl + " is 1"
	case CauseSeccomp:
		return "a seccomp filter on this process forbids it, as inside most containers"
	case CauseNotBuilt:
		return "this kernel has no such namespaces"
	case CauseNoRight:
		return "this process lacks CAP_SYS_ADMIN in its user namespace"
	default:
		return "the kernel refused it for a reason that could not be found"
	}
}

// Fix is a command for an administrator that removes the cause; empty where no
// command does.
func (e *NamespaceError) Fix() string {
	switch e.Cause {
	case CauseLimitZero, CauseLimitReached:
		return "sysctl -w " + limitSysctl(e.Kind) + "=15000"
	case CauseCloneSysctl:
		return "sysctl -w " + cloneSysctl + "=1"
	case CauseAppArmor:
		return "sysctl -w " + appArmorSysctl + "=0"
	default:
		return ""
	}
}

const (
	cloneSysctl    = "kernel.unprivileged_userns_clone"
	appArmorSysctl = "kernel.apparmor_restrict_unprivileged_userns"
)

func limitSysctl(k Kind) string { return "user.max_" + string(k) + "_namespaces" }

// refused explains why the kernel refused a namespace; nil stays nil.
func refused(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &NamespaceError{Kind: k, Cause: classify(k, err, readFile), Err: err}
}

// readFile returns a file of /proc without white space around; empty when there
// is none.
func readFile(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

// classify finds the cause from the system's error and the machine's settings,
// which read looks up by path.
func classify(k Kind, err error, read func(string) string) Cause {
	sysctl := func(name string) string {
		return read("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		if sysctl(limitSysctl(k)) == "0" {
			return CauseLimitZero
		}
		return CauseLimitReached
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return CauseNotBuilt
	case !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES):
		return CauseUnknown
	case k == User && sysctl(cloneSysctl) == "0":
		return CauseCloneSysctl
	case sysctl(appArmorSysctl) == "1":
		return CauseAppArmor
	case strings.Contains(read("/proc/self/status"), "Seccomp:\t2"):
		return CauseSeccomp
	case k != User:
		return CauseNoRight
	default:
		return CauseUnknown
	}
}
