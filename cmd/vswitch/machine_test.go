package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/engine"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
)

// What the machine refuses has its code, its exit code and a way on.
func TestMachineError(t *testing.T) {
	node := func(errno syscall.Errno) error {
		return fmt.Errorf("container web: tap: %w", &fs.PathError{Op: "open", Path: tap.Node, Err: errno})
	}
	ns := func(c sandbox.Cause, errno syscall.Errno) error {
		return fmt.Errorf("container web: %w", &sandbox.NamespaceError{Kind: sandbox.User, Cause: c, Err: errno})
	}
	told := api.Errorf(api.NameExists, nil, "cannot")
	for _, tt := range []struct {
		name     string
		err      error
		code     api.Code
		why, fix string // parts of them
	}{
		{"no node", node(syscall.ENOENT), api.TunMissing, "does not exist", "mknod -m 0666"},
		{"closed node", node(syscall.EACCES), api.TunClosed, "refused (EACCES, mode ", "chmod 0666"},
		{"node of a container", node(syscall.EPERM), api.TunClosed, "device rules refuse it (EPERM)", "docker run --device"},
		{"no driver", node(syscall.ENODEV), api.TunNoDriver, "ENODEV", "modprobe tun"},
		{"no driver either", node(syscall.ENXIO), api.TunNoDriver, "ENXIO", "modprobe tun"},
		{"too many files", node(syscall.EMFILE), api.OpenFiles, "EMFILE", ""},
		{"odd node", node(syscall.EIO), api.Unexpected, "EIO", ""},
		{"namespaces off", ns(sandbox.CauseLimitZero, syscall.ENOSPC), api.UsernsSysctl, "is 0 (ENOSPC)", "sysctl -w user.max_user_namespaces=15000"},
		{"namespaces off, Debian", ns(sandbox.CauseCloneSysctl, syscall.EPERM), api.UsernsSysctl, "(EPERM)", "unprivileged_userns_clone=1"},
		{"namespaces off, Ubuntu", ns(sandbox.CauseAppArmor, syscall.EPERM), api.UsernsAppArmor, "AppArmor", "apparmor_restrict_unprivileged_userns=0"},
		{"namespaces used up", ns(sandbox.CauseLimitReached, syscall.ENOSPC), api.UsernsExhausted, "limit", "=15000"},
		{"seccomp", ns(sandbox.CauseSeccomp, syscall.EPERM), api.NamespacesRefused, "seccomp", ""},
		{"io_uring", fmt.Errorf("engine: %w: %w", engine.ErrUring, syscall.EPERM), api.UringUnavailable, "EPERM", "--io epoll"},
		{"no more files", fmt.Errorf("pipe: %w", syscall.ENFILE), api.OpenFiles, "ENFILE", ""},
		{"told", fmt.Errorf("wrapped: %w", told), api.NameExists, "", ""},
		{"odd", errors.New("odd"), api.Unexpected, "odd", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := api.AsError(machineError("cannot show it", tt.err))
			if e.Code != tt.code || !strings.Contains(e.Why, tt.why) || !strings.Contains(e.Remedy(), tt.fix) {
				t.Errorf("%s", e.Text())
			}
			if e != told && (e.Message != "cannot show it" || !errors.Is(e, tt.err) && e.Unwrap() == nil) {
				t.Errorf("message %q, cause %v", e.Message, e.Unwrap())
			}
		})
	}
	if err := machineError("cannot", nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	if err := machineError("cannot", reported{exitStatus(3)}); exitCode(err) != 3 {
		t.Errorf("%v", err)
	}
}

// After Ctrl-C whatever failed is the interruption, but not what was told already.
func TestInsideInterrupted(t *testing.T) {
	if sandbox.NeedsUserNS() {
		t.Skip("NEEDS-ROOT: an ordinary user's work runs in another process")
	}
	killed := func(context.Context) error { return errors.New("signal: killed") }
	left := func(context.Context) error {
		return errors.Join(context.Canceled, api.Errorf(api.Unexpected, nil, "cannot take down all of the demo"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := inside(ctx, "cannot", killed); api.AsError(err).Code != api.Unexpected {
		t.Errorf("before: %v", err)
	}
	cancel()
	if err := inside(ctx, "cannot", killed); api.AsError(err).Code != api.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("after: %v", err)
	}
	if err := inside(ctx, "cannot", left); api.AsError(err).Message != "cannot take down all of the demo" {
		t.Errorf("what is left is hidden: %v", err)
	}
	if err := inside(ctx, "cannot", func(context.Context) error { return nil }); err != nil {
		t.Errorf("what was done is done: %v", err)
	}
}

func TestOutputAsked(t *testing.T) {
	for line, want := range map[string]string{
		"demo":                        "env",
		"demo -o json":                "json",
		"-o text demo --output jsonl": "jsonl",
		"demo --output=json":          "json",
		"demo -ojson":                 "json",
		"demo -o=json":                "json",
		"demo -o":                     "env",
		"run -- cmd -o json":          "env",
	} {
		t.Setenv("VSWITCH_OUTPUT", "env")
		if got := outputAsked(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
