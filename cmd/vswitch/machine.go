package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/doctor"
	"vswitch/internal/engine"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
)

// inside runs work where namespaces and TAP devices may be made: right here for
// root, and for an ordinary user by running this program again, with the same
// command line, in a user namespace of its own. What is the error's first part.
func inside(ctx context.Context, what string, work func(context.Context) error) error {
	if sandbox.NeedsUserNS() {
		return rerun(what)
	}
	err := work(ctx)
	var told *api.Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &told) {
		return interrupted(what)
	}
	return machineError(what, err)
}

// interrupted is the error after Ctrl-C, whatever that made fail.
func interrupted(what string) error {
	return api.Errorf(api.Interrupted, context.Canceled, "%s", what).Because("interrupted; what was made is taken down")
}

// rerun runs this program again in a user namespace. It tells by itself what went
// wrong there, unless it was killed.
func rerun(what string) error {
	// Only out here do the node's owner and mode have their names.
	if err := openNode(); err != nil {
		return machineError(what, err)
	}
	code, err := sandbox.Reexec(sandbox.Rerun{Args: append([]string{"vswitch"}, os.Args[1:]...)})
	switch sig := syscall.Signal(code - 128); {
	case err != nil:
		return machineError(what, err)
	case code > 128 && !slices.Contains(farewells, sig):
		return api.Errorf(api.Unexpected, nil, "%s", what).
			Because("the process in its user namespace was ended by signal %d (%s)", int(sig), sig)
	case code != 0:
		return reported{exitStatus(code)}
	}
	return nil
}

// farewells are signals by which a user ends a program, or the reader of a pipe:
// that needs no message.
var farewells = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE}

// openNode tries to open the node of TAP devices. That makes nothing.
func openNode() error {
	f, err := os.OpenFile(tap.Node, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// machineError turns what the machine refused into the error that a person is
// told: what could not be done, and the code that explains it.
func machineError(what string, err error) error {
	var told *api.Error
	var already reported
	if err == nil || errors.As(err, &told) || errors.As(err, &already) {
		return err
	}
	if e, ok := errors.AsType[*sandbox.NamespaceError](err); ok {
		return namespaceError(what, e)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == tap.Node {
		return nodeError(what, e)
	}
	switch {
	case errors.Is(err, engine.ErrUring):
		return api.Errorf(api.UringUnavailable, err, "%s", what).
			Because("the io_uring loop does not work here: %s", api.Reason(err)).WithFix("use the other loop:  --io epoll")
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return api.Errorf(api.OpenFiles, err, "%s", what)
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
	why := e.Why()
	if errno, ok := errors.AsType[syscall.Errno](e.Err); ok {
		why += " (" + cmp.Or(api.Errno(errno), errno.Error()) + ")"
	}
	err := api.Errorf(code, e, "%s", what).Because("%s", why)
	if fix := e.Fix(); fix != "" {
		return err.WithFix("ask an administrator to run:  %s", fix)
	}
	return err
}

func nodeError(what string, e *fs.PathError) error {
	switch {
	case errors.Is(e, syscall.ENOENT):
		return api.Errorf(api.TunMissing, e, "%s", what).Because("%s does not exist", tap.Node)
	case errors.Is(e, syscall.EACCES):
		return api.Errorf(api.TunClosed, e, "%s", what).
			Because("%s exists but opening it was refused (EACCES, %s)", tap.Node, doctor.Machine{Root: "/"}.Owner(tap.Node))
	case errors.Is(e, syscall.EPERM):
		return api.Errorf(api.TunClosed, e, "%s", what).
			Because("%s exists but a surrounding container's device rules refuse it (EPERM)", tap.Node).
			WithFix("hand the device in, as with:  docker run --device %s ...", tap.Node)
	case errors.Is(e, syscall.ENXIO), errors.Is(e, syscall.ENODEV):
		return api.Errorf(api.TunNoDriver, e, "%s", what)
	case errors.Is(e, syscall.EMFILE), errors.Is(e, syscall.ENFILE):
		return api.Errorf(api.OpenFiles, e, "%s", what)
	}
	return api.Errorf(api.Unexpected, e, "%s", what)
}
