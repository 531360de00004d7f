package sandbox

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestClassify(t *testing.T) {
	const (
		maxUser  = "/proc/sys/user/max_user_namespaces"
		maxNet   = "/proc/sys/user/max_net_namespaces"
		clone    = "/proc/sys/kernel/unprivileged_userns_clone"
		apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
		status   = "/proc/self/status"
	)
	type files map[string]string
	for _, c := range []struct {
		name string
		kind Kind
		err  error
		has  files
		want Cause
		fix  string
	}{
		{"limit zero", User, unix.ENOSPC, files{maxUser: "0"}, CauseLimitZero, "sysctl -w user.max_user_namespaces=15000"},
		{"limit zero, old kernel", User, unix.EUSERS, files{maxUser: "0"}, CauseLimitZero, "sysctl -w user.max_user_namespaces=15000"},
		{"limit reached", User, unix.ENOSPC, files{maxUser: "9"}, CauseLimitReached, "sysctl -w user.max_user_namespaces=15000"},
		{"other kind's limit", Net, unix.ENOSPC, files{maxUser: "0", maxNet: "5"}, CauseLimitReached, "sysctl -w user.max_net_namespaces=15000"},
		{"debian", User, unix.EPERM, files{clone: "0", apparmor: "1"}, CauseCloneSysctl, "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"debian, allowed", User, unix.EPERM, files{clone: "1"}, CauseUnknown, ""},
		{"ubuntu", User, unix.EACCES, files{apparmor: "1"}, CauseAppArmor, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		{"ubuntu, inside", Mount, unix.EPERM, files{apparmor: "1"}, CauseAppArmor, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		{"container", User, unix.EPERM, files{status: "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1"}, CauseSeccomp, ""},
		{"no filter", User, unix.EPERM, files{status: "Seccomp:\t0"}, CauseUnknown, ""},
		{"ordinary user", Net, unix.EPERM, files{clone: "0"}, CauseNoRight, ""},
		{"not built", User, unix.EINVAL, nil, CauseNotBuilt, ""},
		{"no such call", User, unix.ENOSYS, nil, CauseNotBuilt, ""},
		{"something else", User, unix.ENOMEM, files{apparmor: "1", clone: "0"}, CauseUnknown, ""},
	} {
		got := classify(c.kind, c.err, func(path string) string { return c.has[path] })
		if got != c.want {
			t.Errorf("%s: cause %d, want %d", c.name, got, c.want)
		}
		e := &NamespaceError{Kind: c.kind, Cause: got, Err: c.err}
		if e.Fix() != c.fix {
			t.Errorf("%s: fix %q, want %q", c.name, e.Fix(), c.fix)
		}
		if !errors.Is(e, c.err) || !strings.Contains(e.Error(), e.Why()) || !strings.Contains(e.Error(), string(c.kind)) {
			t.Errorf("%s: message %q", c.name, e)
		}
	}
	if refused(User, nil) != nil {
		t.Error("success was refused")
	}
}

func TestEveryCauseHasASentenceOfItsOwn(t *testing.T) {
	seen := map[string]Cause{}
	for c := CauseUnknown; c <= CauseNoRight; c++ {
		why := (&NamespaceError{Kind: User, Cause: c}).Why()
		if other, dup := seen[why]; dup {
			t.Errorf("causes %d and %d both say %q", other, c, why)
		}
		seen[why] = c
	}
}

func TestProbe(t *testing.T) {
	needNamespaces(t)
	before := state(t)
	checks := Probe()
	if len(checks) != 3 {
		t.Errorf("%d checks where no user namespace is needed", len(checks))
	}
	for _, c := range checks {
		if c.Err != nil || c.Name == "" {
			t.Errorf("%s: %v", c.Name, c.Err)
		}
	}
	for _, k := range []Kind{User, Net, Mount, UTS} {
		if err := try(k, true); err != nil {
			t.Errorf("%s inside a user namespace: %v", k, err)
		}
	}
	if after := state(t); after != before {
		t.Errorf("before: %s\nafter:  %s", before, after)
	}
}
