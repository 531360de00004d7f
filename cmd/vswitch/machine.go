package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/engine"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
)

// inside runs work where namespaces and TAP devices may be made: right here for
// root, and for an ordinary user by running this program again, with the same
// command line, in a user namespace of its own.
func inside(ctx context.Context, what string, work func(context.Context) error) error {
	if !sandbox.NeedsUserNS() {
		return machineError(what, work(ctx))
	}
	code, err := sandbox.Reexec(sandbox.Rerun{Args: append([]string{"vswitch"}, os.Args[1:]...)})
	if err != nil {
		return machineError(what, err)
	}
	if code != 0 {
		return reported{exitStatus(code)}
	}
	return nil
}

// machineError turns what the machine refused into the error that a person is
// told: what could not be done, and the code that explains it.
func machineError(what string, err error) error {
	var told *api.Error
	var already reported
	switch {
	case err == nil, errors.As(err, &told), errors.As(err, &already):
		return err
	case errors.Is(err, context.Canceled):
		return api.Errorf(api.Unexpected, nil, "%s", what).Because("interrupted").WithFix("start it again")
	}
	if e, ok := errors.AsType[*sandbox.NamespaceError](err); ok {
		return namespaceError(what, e)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == tap.Node {
		return nodeError(what, e)
	}
	if errors.Is(err, engine.ErrUring) {
		return api.Errorf(api.UringUnavailable, err, "%s", what).WithFix("use the other loop:  --io epoll")
	}
	return api.Errorf(api.Unexpected, err, "%s", what)
}

func namespaceError(what string, e *sandbox.NamespaceError) error {
	code := api.NamespacesRefused
	switch e.Cause {
	case sandbox.CauseLimitZero, sandbox.CauseCloneSysctl:
		code = api.UsernsSysctl
	case sandbox.CauseLimitReached:
		code = api.UsernsExhausted
	case sandbox.CauseAppArmor:
		code = api.UsernsAppArmor
	}
	err := api.Errorf(code, e, "%s", what).Because("%s (%s)", e.Why(), api.Reason(e.Err))
	if fix := e.Fix(); fix != "" {
		return err.WithFix("ask an administrator to run:  %s", fix)
	}
	return err
}

func nodeError(what string, e *fs.PathError) error {
	code := api.TunNoDriver
	switch {
	case errors.Is(e, fs.ErrNotExist):
		code = api.TunMissing
	case errors.Is(e, fs.ErrPermission):
		code = api.TunClosed
	}
	err := api.Errorf(code, e, "%s", what)
	if info, statErr := os.Stat(tap.Node); code == api.TunClosed && statErr == nil {
		errno, _ := errors.AsType[syscall.Errno](e)
		return err.Because("%s exists but opening it was refused (%s, mode %04o)", tap.Node, api.Errno(errno), info.Mode().Perm())
	}
	return err
}
