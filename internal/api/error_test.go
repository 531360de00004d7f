package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

// The rendering that the command line promises, to the letter.
func TestErrorText(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "/dev/net/tun", Err: syscall.EACCES}
	err := api.Errorf(api.TunClosed, cause, "cannot create a TAP device for container %q", "web").
		Because("/dev/net/tun exists but opening it was refused (EACCES, mode 0600 root:root)")
	want := `error: cannot create a TAP device for container "web"  [VS-ENV-004]
  why:  /dev/net/tun exists but opening it was refused (EACCES, mode 0600 root:root)
  fix:  ask an administrator to run:  chmod 0666 /dev/net/tun
  more: vswitch explain VS-ENV-004      check everything: vswitch doctor
`
	if got := err.Text(); got != want {
		t.Errorf("text:\n%s\nwant:\n%s", got, want)
	}
}

func TestErrorTextParts(t *testing.T) {
	tests := []struct {
		name string
		err  *api.Error
		want string
	}{
		{"not the machine's fault", api.Errorf(api.NameExists, nil, "cannot create network %q", "lan"),
			`error: cannot create network "lan"  [VS-OBJ-002]
  fix:  choose another name, or remove the one that exists
  more: vswitch explain VS-OBJ-002
`},
		{"no fix known", api.Errorf(api.Unexpected, errors.New("boom"), "cannot stop"),
			`error: cannot stop  [VS-GEN-002]
  why:  boom
  more: vswitch explain VS-GEN-002
`},
		{"several lines of fix", api.Errorf(api.UnknownName, nil, "no container %q", "wbe").WithFix("did you mean %s?\nsee all: vswitch ps", "web"),
			`error: no container "wbe"  [VS-OBJ-001]
  fix:  did you mean web?
        see all: vswitch ps
  more: vswitch explain VS-OBJ-001
`},
		{"a name cannot forge a line", api.Errorf(api.UnknownName, nil, "no container %s", "a\n  fix:  rm -rf").Because("x\ny\x1b[2J"),
			`error: no container a fix: rm -rf  [VS-OBJ-001]
  why:  x y [2J
  more: vswitch explain VS-OBJ-001
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Text(); got != tt.want {
				t.Errorf("text:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestErrorWrapsItsCause(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "/dev/net/tun", Err: syscall.EACCES}
	err := fmt.Errorf("make port: %w", api.Errorf(api.TunClosed, fmt.Errorf("tap: %w", cause), "cannot create a TAP device"))
	if !errors.Is(err, fs.ErrPermission) {
		t.Error("errors.Is does not find the cause")
	}
	if got := api.AsError(err); got.Code != api.TunClosed {
		t.Errorf("AsError found %s", got.Code)
	}
	if got := api.ExitOf(err); got != api.ExitMachine {
		t.Errorf("exit %d", got)
	}
	const want = "cannot create a TAP device [VS-ENV-004]: open /dev/net/tun: permission denied (EACCES)"
	if got := api.AsError(err).Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestAsErrorGivesEveryFailureACode(t *testing.T) {
	if api.AsError(nil) != nil || api.ExitOf(nil) != api.ExitDone {
		t.Error("nil is not a failure")
	}
	err := api.AsError(fmt.Errorf("a: %w", fmt.Errorf("b: %w", syscall.EIO)))
	if err.Code != api.Unexpected || err.Why != "input/output error (EIO)" || err.Exit() != api.ExitFailed {
		t.Errorf("got %+v", err)
	}
}

func TestErrorJSON(t *testing.T) {
	err := api.Errorf(api.PortInUse, syscall.EADDRINUSE, "cannot publish port 80")
	b, jerr := json.Marshal(err)
	if jerr != nil {
		t.Fatal(jerr)
	}
	const want = `{"schema":"vswitch/v1/error","code":"VS-NET-002","message":"cannot publish port 80",` +
		`"why":"address already in use (EADDRINUSE)","fix":"choose another port, or stop what listens there","exit":5}`
	if string(b) != want {
		t.Errorf("JSON %s\nwant %s", b, want)
	}
	var back api.Error
	if jerr := json.Unmarshal(b, &back); jerr != nil {
		t.Fatal(jerr)
	}
	if back.Text() != err.Text() || back.Exit() != err.Exit() {
		t.Errorf("came back as:\n%s", back.Text())
	}
	for _, bad := range []string{`{"schema":"vswitch/v2/error"}`, `{}`, `[]`, `{`} {
		if json.Unmarshal([]byte(bad), &back) == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

func TestReason(t *testing.T) {
	_, noFile := os.Open("/nonexistent/file")
	_, noProgram := exec.LookPath("no-such-program-here")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"number", fmt.Errorf("tap: set up: %w", syscall.EPERM), "operation not permitted (EPERM)"},
		{"number without a symbol here", syscall.Errno(7777), "errno 7777"},
		{"path", fmt.Errorf("x: %w", noFile), "open /nonexistent/file: no such file or directory (ENOENT)"},
		{"program", noProgram, "no-such-program-here: executable file not found in $PATH"},
		{"system call", os.NewSyscallError("clone", syscall.ENOSPC), "clone: no space left on device (ENOSPC)"},
		{"rename", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EEXIST}, "rename a b: file exists (EEXIST)"},
		{"time", fmt.Errorf("probe: %w", context.DeadlineExceeded), "it took too long"},
		{"interrupt", fmt.Errorf("probe: %w", context.Canceled), "it was interrupted"},
		{"coded", fmt.Errorf("x: %w", api.Errorf(api.TimedOut, nil, "m").Because("w")), "w"},
		{"plain chain", fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.New("the root"))), "the root"},
		{"several", fmt.Errorf("a: %w", errors.Join(errors.New("first"), errors.New("second"))), "first"},
		{"lines", errors.New("one\ntwo"), "one two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := api.Reason(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	names := []string{"demo", "doctor", "version", "network", "explain", "ps"}
	tests := map[string]string{
		"dmeo": "demo", "docter": "doctor", "verison": "version", "netwrok": "network",
		"explian": "explain", "demoo": "demo", "sp": "ps", "ps": "ps",
		"zebra": "", "": "", "xy": "", "container": "",
	}
	for word, want := range tests {
		if got := api.Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// What a hostile name or a hostile system error contains never adds a line.
func FuzzErrorText(f *testing.F) {
	f.Add("no container", "it is\r\nnot there", "see\n\nall")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, message, why, fix string) {
		err := api.Errorf(api.UnknownName, nil, "%s", message).Because("%s", why).WithFix("%s", fix)
		text := err.Text()
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if (i == 0) != strings.HasPrefix(line, "error: ") || i > 0 && !strings.HasPrefix(line, "  ") {
				t.Fatalf("line %d of:\n%q", i, text)
			}
		}
		b, jerr := json.Marshal(err)
		if jerr != nil {
			t.Fatal(jerr)
		}
		var back api.Error
		if jerr := json.Unmarshal(b, &back); jerr != nil {
			t.Fatal(jerr)
		}
	})
}
