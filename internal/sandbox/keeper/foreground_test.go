package keeper

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inForeground starts a copy of this program that has a keeper in the foreground,
// and waits for its first line.
func (r *rig) inForeground() (cmd *exec.Cmd, line string) {
	r.t.Helper()
	cmd = exec.CommandContext(r.t.Context(), "/proc/self/exe", "foreground", r.dirs.Runtime)
	cmd.Env = append(os.Environ(), partEnv+"=1")
	out, err := cmd.StderrPipe()
	must(r.t, err)
	cmd.Stdout = cmd.Stderr
	must(r.t, cmd.Start())
	lines := bufio.NewReader(out)
	for {
		line, err = lines.ReadString('\n')
		if err != nil || line == "ready\n" || strings.HasPrefix(line, "error: ") {
			go lines.WriteTo(discard{}) // what comes later must not stand in the way
			return cmd, line
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func TestForeground(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			r := newRig(t)
			cmd, line := r.inForeground()
			if line != "ready\n" {
				t.Fatalf("said %q", line)
			}
			r.make("web")
			keeper, program := watch(t, r.about().Keeper), watch(t, r.run("long", "web", "exec sleep 1000"))
			must(t, os.Remove(r.out("long")))
			must(t, cmd.Process.Signal(sig))
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v", err)
			}
			if !keeper.ended() || !program.ended() {
				t.Error("something outlives it")
			}
			if left := r.files(); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestForegroundDiesWithItsParent(t *testing.T) {
	r := newRig(t)
	cmd, line := r.inForeground()
	if line != "ready\n" {
		t.Fatalf("said %q", line)
	}
	a := r.about()
	keeper, sw := watch(t, a.Keeper), watch(t, a.PID)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	eventually(t, "keeper and switch process have ended", func() bool { return keeper.ended() && sw.ended() })
	must(t, r.launch())
}

func TestForegroundThatFails(t *testing.T) {
	r := newRig(t)
	r.mode("fail")
	cmd, line := r.inForeground()
	if err := cmd.Wait(); err == nil || !strings.Contains(line, "told to fail") && !strings.Contains(line, "cannot read the state") {
		t.Errorf("ended with %v, said %q", err, line)
	}
}
