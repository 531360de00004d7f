package doctor

import (
	"context"
	"errors"
	"syscall"

	"vswitch/internal/api"
)

// namespaces tries to make what a container needs, and explains a refusal.
func (m Machine) namespaces(context.Context) Finding {
	err := m.Namespaces()
	if err != nil {
		return m.Refusal(err)
	}
	if m.UID == 0 {
		return Found("made a network namespace as root")
	}
	return Found("made a network namespace inside a user namespace of user %d", m.UID)
}

// Refusal explains why making namespaces failed with err. The settings are only
// read to find the cause; what counts is that it was tried.
func (m Machine) Refusal(err error) Finding {
	errno, ok := errors.AsType[syscall.Errno](err)
	switch {
	case !ok:
		return Failure(api.ProbeFailed, "%s", api.Reason(err))
	case errno == syscall.ENOSPC || errno == syscall.EUSERS:
		return m.exhausted(errno)
	case errno == syscall.EPERM || errno == syscall.EACCES:
		return m.forbidden(errno)
	case errno == syscall.EINVAL || errno == syscall.ENOSYS:
		return Failure(api.NamespacesRefused, "the kernel is built without network or user namespaces (%s)", api.Errno(errno))
	}
	return Failure(api.NamespacesRefused, "%s", api.Reason(err))
}

// exhausted tells a limit of 0, which means forbidden, from one that is reached.
func (m Machine) exhausted(errno syscall.Errno) Finding {
	for _, name := range []string{"max_user_namespaces", "max_net_namespaces"} {
		if v, ok := m.sysctl("user/" + name); ok && v == 0 {
			return Failure(api.UsernsSysctl, "user.%s is 0", name).WithFix("sysctl -w user." + name + "=15000")
		}
	}
	return Failure(api.UsernsExhausted, "a limit on the number of namespaces is reached (%s)", api.Errno(errno)).
		WithFix("sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000")
}

// forbidden looks for the setting that forbids it.
func (m Machine) forbidden(errno syscall.Errno) Finding {
	if m.UID == 0 {
		return Failure(api.NamespacesRefused, "root here lacks CAP_SYS_ADMIN, or a system call filter refuses it (%s)", api.Errno(errno))
	}
	if v, ok := m.sysctl("kernel/unprivileged_userns_clone"); ok && v == 0 {
		return Failure(api.UsernsSysctl, "kernel.unprivileged_userns_clone is 0").
			WithFix("sysctl -w kernel.unprivileged_userns_clone=1")
	}
	if v, ok := m.sysctl("kernel/apparmor_restrict_unprivileged_userns"); ok && v != 0 {
		return Failure(api.UsernsAppArmor, "kernel.apparmor_restrict_unprivileged_userns is %d", v).
			WithFix("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
	}
	return Failure(api.NamespacesRefused, "no known setting forbids it: a system call filter or a security module does (%s)", api.Errno(errno))
}
