package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// lab is a switch of a test's own: a real keeper, a real switch process, real
// containers, for root or an ordinary user.
type lab struct {
	t    testing.TB
	who  play
	dir  string // sockets, state, home: empty again at the end
	mark string // in the environment of all that it starts
	// world is where it runs, set before the first command, closed at the end; nil: on
	// the machine itself.
	world *world
}

// newLab prepares a switch; the first command that needs it starts it. At the end
// it is taken down and nothing may be left.
func newLab(t *testing.T, who play) *lab {
	t.Helper()
	testnet.NeedRoot(t)
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "go", "ping", "iperf3", "setpriv")
	if _, err := built(); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, who: who, dir: userDir(t)}
	l.mark = "E2E_MARK=" + filepath.Base(l.dir)
	if err := os.Chown(l.dir, who.uid, who.uid); err != nil {
		t.Fatal(err)
	}
	base := links(t)
	t.Cleanup(func() { l.end(base) })
	return l
}

// labUsers are those who have a switch of their own; see race_test.go.
var labUsers = users

// eachUser runs a test as root and as an ordinary user.
func eachUser(t *testing.T, test func(t *testing.T, l *lab)) {
	for name, who := range labUsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newLab(t, who))
		})
	}
}

// command is one call of the program.
func (l *lab) command(args ...string) *exec.Cmd {
	path, _ := built()
	cmd := l.who.command(path, args)
	cmd.Dir = l.dir
	// The switch outlives the command that starts it.
	cmd.SysProcAttr.Pdeathsig = 0
	cmd.Env = append(os.Environ(), l.mark, "TMPDIR="+l.dir, "HOME="+l.dir, "NO_COLOR=1",
		"VSWITCH_SOCKET="+filepath.Join(l.dir, "s"), "VSWITCH_STATE_DIR="+filepath.Join(l.dir, "state"))
	cmd.Env = append(cmd.Env, buildEnv...)
	return cmd
}

// call runs the program to its end.
func (l *lab) call(args ...string) (code int, out, errOut string, err error) {
	var o, e bytes.Buffer
	cmd := l.command(args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	// The keeper gets no pipe of ours: Wait would wait for it.
	cmd.WaitDelay = time.Second
	err = testnet.WithNode(l.who.node, func() error { return l.world.on(cmd.Run) })
	if exited(err) || errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	return code, o.String(), e.String(), err
}

// run requires an exit code and returns what the program wrote.
func (l *lab) run(want api.Exit, args ...string) (out, errOut string) {
	l.t.Helper()
	code, out, errOut, err := l.call(args...)
	if err != nil || code != int(want) {
		l.t.Fatalf("vswitch %q: exit code %d, want %d (%v)\n%s%s%s", args, code, want, err, out, errOut, l.log())
	}
	return out, errOut
}

// ok is run for what succeeds; it returns stdout without the space around it.
func (l *lab) ok(args ...string) string {
	l.t.Helper()
	out, _ := l.run(api.ExitDone, args...)
	return strings.TrimSpace(out)
}

// in runs a program in a container and returns what it wrote.
func (l *lab) in(container string, program ...string) string {
	l.t.Helper()
	return l.ok(append([]string{"exec", container, "--"}, program...)...)
}

// json reads a command's output.
func (l *lab) json(v any, args ...string) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.ok(append(args, "-o", "json")...)), v); err != nil {
		l.t.Fatalf("vswitch %q: %v", args, err)
	}
}

// items reads the rows of a table.
func (l *lab) items(v any, args ...string) {
	l.t.Helper()
	var doc struct{ Items json.RawMessage }
	l.json(&doc, args...)
	if err := json.Unmarshal(doc.Items, v); err != nil {
		l.t.Fatalf("vswitch %q: %v", args, err)
	}
}

func (l *lab) status() (s api.Status) {
	l.t.Helper()
	l.json(&s, "status")
	return s
}

func (l *lab) inspect(container string) api.Container {
	l.t.Helper()
	var all []api.Container
	l.json(&all, "inspect", container)
	return all[0]
}

func (l *lab) network(name string) api.Network {
	l.t.Helper()
	var all []api.Network
	l.json(&all, "network", "inspect", name)
	return all[0]
}

// kill ends the switch process as nobody should, and waits until the keeper has a
// new one.
func (l *lab) kill() {
	l.t.Helper()
	before := l.status()
	p, err := os.FindProcess(before.PID)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	if after := l.status(); after.PID == before.PID || after.Restarts != before.Restarts+1 {
		l.t.Fatalf("before the kill %+v, after it %+v", before, after)
	}
}

// log is the end of the processes' log, for messages.
func (l *lab) log() string {
	b, _ := os.ReadFile(filepath.Join(l.dir, "switch.log"))
	return "\n--- the log:\n" + string(b[max(0, len(b)-4000):])
}

// end takes the switch down and looks for what is left.
func (l *lab) end(base map[string]bool) {
	l.t.Helper()
	defer l.world.close()
	log := l.log()
	code, out, errOut, err := l.call("down")
	if err != nil || code != 0 {
		l.t.Errorf("down: exit code %d, %v\n%s%s%s", code, err, out, errOut, log)
	}
	if l.t.Failed() {
		l.t.Log(log)
	}
	r := running{mark: l.mark}
	if !testnet.Eventually(func() bool { return len(r.processes()) == 0 }) {
		l.t.Errorf("left: processes %v", r.processes())
		for _, pid := range r.processes() {
			if n, err := strconv.Atoi(pid); err == nil {
				if p, err := os.FindProcess(n); err == nil {
					p.Kill()
				}
			}
		}
	}
	files, err := os.ReadDir(l.dir)
	if err != nil || len(files) != 0 {
		l.t.Errorf("left: files %v, %v", files, err)
	}
	now, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(now), l.dir) {
		l.t.Errorf("left: mounts below %s (%v)", l.dir, err)
	}
	for name := range links(l.t.(*testing.T)) {
		if !base[name] {
			l.t.Errorf("left: network device %s", name)
		}
	}
}

// The scripts of testdata/lab, each with a switch of its own, as root and as an
// ordinary user:
//
//	vs ARG...          runs the program, which has to succeed (! vs: to fail)
//	vsexit CODE ARG... requires that exit code
//	vskill             ends the switch process with SIGKILL and waits for the next
//	world              comes first: the switch is on a host of its own; see world
//	on PLACE ARG...    runs a program on that host, its router, or far
func TestLabScripts(t *testing.T) {
	for name, who := range labUsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir: "testdata/lab", RequireUniqueNames: true,
				Setup: func(env *testscript.Env) error {
					l := newLab(t, who)
					env.Values["lab"] = l
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"vs": vsCommand, "vsexit": vsExit, "vskill": vsKill, "world": vsWorld, "on": vsOn,
				},
			})
		})
	}
}

func vsCommand(ts *testscript.TestScript, neg bool, args []string) {
	code := callIn(ts, args)
	if (code != 0) != neg {
		ts.Fatalf("vswitch %q: exit code %d", args, code)
	}
}

func vsExit(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if code := callIn(ts, args[1:]); neg || code != want {
		ts.Fatalf("vswitch %q: exit code %d, want %d", args[1:], code, want)
	}
}

func vsKill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: vskill")
	}
	ts.Value("lab").(*lab).kill()
}

func vsWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: world")
	}
	l := ts.Value("lab").(*lab)
	l.world = newWorld(l.t)
}

func vsOn(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value("lab").(*lab)
	at := map[string]*spot{"host": l.world.host, "router": l.world.router, "far": l.world.far}[args[0]]
	out, code := at.try(l.t, args[1:]...)
	ts.Stdout().Write([]byte(out))
	if (code != 0) != neg {
		ts.Fatalf("%q on %s: exit code %d", args[1:], args[0], code)
	}
}

func callIn(ts *testscript.TestScript, args []string) int {
	l := ts.Value("lab").(*lab)
	code, out, errOut, err := l.call(args...)
	ts.Stdout().Write([]byte(out))
	ts.Stderr().Write([]byte(errOut))
	ts.Check(err)
	return code
}
