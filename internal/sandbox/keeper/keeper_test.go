package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
)

// Containers, programs and exit codes are the same for the next switch process.
func TestKillOfTheSwitch(t *testing.T) {
	r := started(t)
	r.make("web")
	var id string
	r.call("Inside", []string{"web", "readlink", "/proc/self/ns/net"}, &id)
	long := r.run("long", "web", "trap 'echo got it; exit 7' TERM; echo begun; while :; do sleep 0.05; done")
	r.run("short", "web", "until [ -e "+r.dirs.Runtime+"/go ]; do sleep 0.05; done; exit 42")
	r.await("long", "begun")
	// The second program ends while there is no switch process.
	about := r.about()
	sw := watch(t, about.PID)
	sw.kill(t)
	eventually(t, "the switch process is killed", sw.ended)
	must(t, os.WriteFile(r.dirs.Runtime+"/go", nil, 0o600))

	if code := r.wait("short"); code != 42 {
		t.Errorf("code %d", code)
	}
	want := []RunState{
		{ID: "long", Container: "web", PID: long, Running: true},
		{ID: "short", Container: "web", Code: 42},
	}
	got := r.runs()
	want[1].PID = got[1].PID
	if !slices.Equal(got, want) {
		t.Errorf("runs %+v, want %+v", got, want)
	}
	var again string
	r.call("Inside", []string{"web", "readlink", "/proc/self/ns/net"}, &again)
	if again != id {
		t.Errorf("network namespace %s, was %s", again, id)
	}
	r.call("Signal", Shot{"long", unix.SIGTERM}, &None{})
	if code := r.wait("long"); code != 7 || !strings.Contains(r.said("long"), "got it") {
		t.Errorf("code %d, %q", code, r.said("long"))
	}
	if after := r.about(); after.Restarts != 1 || after.Keeper != about.Keeper {
		t.Errorf("before %+v, after %+v", about, after)
	}
}

func TestErrorsOfRuns(t *testing.T) {
	r := started(t)
	r.make("web")
	plain := r.dirs.Runtime + "/plain"
	must(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644))
	r.run("taken", "web", "exec sleep 1000")
	run := func(s RunSpec) error {
		if s.ID == "" {
			s.ID = "x"
		}
		if s.Container == "" {
			s.Container = "web"
		}
		return r.try("Run", Job{Spec: s}, new(int))
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no program":     {run(RunSpec{Args: []string{"no-such-program"}}), "NOT-FOUND"},
		"not executable": {run(RunSpec{Args: []string{plain}}), "PERMISSION"},
		"no directory":   {run(RunSpec{Args: []string{"true"}, Dir: "/no/such"}), "NO-DIRECTORY"},
		"no container":   {run(RunSpec{Args: []string{"true"}, Container: "no"}), "UNKNOWN"},
		"no words":       {run(RunSpec{}), "OTHER"},
		"name taken":     {run(RunSpec{ID: "taken", Args: []string{"true"}}), "EXISTS"},
		"too big":        {run(RunSpec{Args: []string{"true", strings.Repeat("x", maxWords)}}), "TOO-BIG"},
		"wait":           {r.try("Wait", "no", new(int)), "UNKNOWN"},
		"signal":         {r.try("Signal", Shot{"no", 1}, &None{}), "UNKNOWN"},
		"forget none":    {r.try("Forget", "no", &None{}), "UNKNOWN"},
		"forget running": {r.try("Forget", "taken", &None{}), "RUNNING"},
		"held twice":     {r.try("Make", sandbox.Config{Name: "web"}, &None{}), "EXISTS"},
		"drop none":      {r.try("Drop", "no", &None{}), "UNKNOWN"},
		"path of none":   {r.try("NetPath", "no", new(string)), "UNKNOWN"},
	} {
		if c.err == nil || !strings.HasPrefix(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
		}
	}
	r.call("Signal", Shot{"taken", 0}, &None{})
	if code := r.wait("taken"); code != 128+9 {
		t.Errorf("killed: code %d", code)
	}
	if err := r.try("Signal", Shot{"taken", 1}, &None{}); err == nil || !strings.HasPrefix(err.Error(), "DONE") {
		t.Errorf("signal after the end: %v", err)
	}
	r.call("Forget", "taken", &None{})
	r.run("taken", "web", "exit 5")
	if code := r.wait("taken"); code != 5 {
		t.Errorf("the name's second run: code %d", code)
	}
}

// What is not text, large, empty or absent arrives as it was.
func TestArgumentsArriveAsTheyWere(t *testing.T) {
	r := started(t)
	r.make("web")
	big := strings.Repeat("0123456789abcdef", 1<<16-1) // a single one may have 128 KiB
	bad := "\xff\xfe"
	parts := []string{}
	for len(big) > 0 {
		n := min(len(big), 100_000)
		parts, big = append(parts, "P"+fmt.Sprint(len(parts))+"="+big[:n]), big[n:]
	}
	spec := RunSpec{
		ID: "args", Container: "web", Dir: "/usr", Env: append(parts, "PATH="+os.Getenv("PATH"), "BAD="+bad),
		Args: []string{"sh", "-c", `printf '%s|%s|%s|%s' "$1" "$2" "$PWD" "$BAD"; env | wc -c`, "sh", bad, ""},
	}
	r.call("Run", Job{spec, r.out("args")}, new(int))
	if code := r.wait("args"); code != 0 {
		t.Errorf("code %d", code)
	}
	if got, want := r.said("args"), bad+"||/usr|"+bad; !strings.HasPrefix(got, want) || len(got) < len(want)+7 {
		t.Errorf("got %q", got)
	}
}

func TestHostNetwork(t *testing.T) {
	r := started(t)
	r.call("Make", sandbox.Config{Name: "host", HostNet: true}, &None{})
	r.killSwitch()
	r.run("net", "host", "readlink /proc/self/ns/net; readlink /proc/self/ns/mnt")
	r.wait("net")
	net, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	mnt, err := os.Readlink("/proc/self/ns/mnt")
	must(t, err)
	if got := strings.Fields(r.said("net")); len(got) != 2 || got[0] != net || got[1] == mnt {
		t.Errorf("namespaces %q, the host's %q", got, []string{net, mnt})
	}
	var path string
	r.call("NetPath", "host", &path)
	ns, err := netnsx.Open(path)
	must(t, err)
	defer ns.Close()
	if ns.ID().String() != net {
		t.Errorf("path %s leads to %v, not %s", path, ns.ID(), net)
	}
}

func TestNetPath(t *testing.T) {
	r := started(t)
	r.make("web")
	r.killSwitch()
	var path, want string
	r.call("NetPath", "web", &path)
	r.call("Inside", []string{"web", "readlink", "/proc/self/ns/net"}, &want)
	if got, err := os.Readlink(path); got != want || err != nil {
		t.Errorf("%s is %s, want %s, %v", path, got, want, err)
	}
}

// A terminal's program has it as its controlling terminal, over a restart too.
func TestTerminal(t *testing.T) {
	r := started(t)
	r.make("web")
	master, slave := terminal(t)
	script := "trap 'echo interrupted; exit 9' INT; tty < /dev/tty; echo begun; while :; do sleep 0.05; done"
	spec := RunSpec{ID: "tty", Container: "web", Args: []string{"sh", "-c", script}, Tty: true}
	r.call("Run", Job{spec, slave}, new(int))
	said := reader(t, master)
	eventually(t, "the program runs", func() bool { return strings.Contains(said(), "begun") })
	r.killSwitch()
	_, err := master.WriteString("\x03")
	must(t, err)
	if code := r.wait("tty"); code != 9 {
		t.Errorf("code %d, %q", code, said())
	}
	eventually(t, "the key's signal came", func() bool { return strings.Contains(said(), "interrupted") })
	if err := r.try("Run", Job{RunSpec{ID: "none", Container: "web", Args: []string{"true"}, Tty: true}, "/dev/null"}, new(int)); err == nil {
		t.Error("/dev/null became a terminal")
	}
}

// A client that comes while the switch process starts again waits and is served.
func TestBacklog(t *testing.T) {
	r := started(t)
	before := r.about()
	r.die()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var a About
			if err := r.try("About", None{}, &a); err == nil && a.PID == before.PID {
				t.Error("the dead switch process answers")
			} else if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
				t.Errorf("refused: %v", err)
			}
		})
	}
	wg.Wait()
	if a := r.about(); a.Restarts != before.Restarts+1 {
		t.Errorf("before %+v, after %+v", before, a)
	}
}

func TestCrashLoop(t *testing.T) {
	r := started(t)
	r.make("web")
	r.run("long", "web", "echo begun; exec sleep 1000")
	about := r.about()
	r.mode("die")
	r.die()
	eventually(t, "clients are refused", func() bool {
		_, err := net.Dial("unix", r.dirs.Socket)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	// One that does not start is told of, and nothing is lost.
	err := r.launch()
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != api.StartFailed || !strings.Contains(e.Why, "frobnicator") {
		t.Errorf("launch: %v", err)
	}
	r.mode("fail")
	err = r.launch()
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.StateDamaged || e.Why != "it is damaged" {
		t.Errorf("launch: %v", err)
	}
	r.mode("")
	must(t, r.launch())
	if a := r.about(); a.Keeper != about.Keeper || a.Restarts < maxEnds {
		t.Errorf("before %+v, after %+v", about, a)
	}
	if runs := r.runs(); len(runs) != 1 || !runs[0].Running {
		t.Errorf("runs %+v", runs)
	}
}

// kill -9 of the keeper leaves no process and no namespace, and does not stand in
// the way of the next.
func TestKillOfTheKeeper(t *testing.T) {
	r := started(t)
	r.make("web")
	about := r.about()
	keeper, sw := watch(t, about.Keeper), watch(t, about.PID)
	program := watch(t, r.run("long", "web", "exec sleep 1000"))
	inside := watch(t, r.run("tied", "web", "exec sleep 1000"))
	keeper.kill(t)
	for what, p := range map[string]process{"keeper": keeper, "switch": sw, "program": program, "other program": inside} {
		eventually(t, what+" has ended", p.ended)
	}
	if _, err := net.Dial("unix", r.dirs.Socket); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v", err)
	}
	must(t, r.launch())
	var names []string
	r.call("Containers", None{}, &names)
	if a := r.about(); a.Keeper == about.Keeper || a.Restarts != 0 || len(names) != 0 || len(r.runs()) != 0 {
		t.Errorf("before %+v, after %+v with %q", about, a, names)
	}
}

func TestEndLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(*rig, process){
		"asked":  func(r *rig, _ process) { r.end() },
		"signal": func(r *rig, k process) { must(r.t, unix.PidfdSendSignal(k.fd, unix.SIGTERM, nil, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t)
			r.make("web")
			keeper := watch(t, r.about().Keeper)
			program := watch(t, r.run("long", "web", "exec sleep 1000"))
			r.run("back", "web", "setsid sleep 1000 > /dev/null 2>&1 & echo $!")
			r.wait("back")
			var pid int
			_, err := fmt.Sscan(r.said("back"), &pid)
			must(t, err)
			background := watch(t, pid)
			must(t, os.Remove(r.out("long")))
			must(t, os.Remove(r.out("back")))
			end(r, keeper)
			for what, p := range map[string]process{"keeper": keeper, "program": program, "background": background} {
				eventually(t, what+" has ended", p.ended)
			}
			if left := r.files(); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestNeverReady(t *testing.T) {
	for mode, want := range map[string]api.Code{"die": api.StartFailed, "fail": api.StateDamaged} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t)
			r.mode(mode)
			err := r.launch()
			e, ok := errors.AsType[*api.Error](err)
			if !ok || e.Code != want {
				t.Fatalf("launch: %v", err)
			}
			if mode == "die" && (!strings.Contains(e.Why, "the frobnicator is missing") || !strings.Contains(e.Fix, r.dirs.Log())) {
				t.Errorf("why %q, fix %q", e.Why, e.Fix)
			}
			eventually(t, "the keeper has ended", func() bool { return len(children(t)) == 0 })
			if left := r.files(); !slices.Equal(left, []string{"mode", "switch.log"}) {
				t.Errorf("left %q", left)
			}
			r.mode("")
			must(t, r.launch())
		})
	}
}

func TestKeeperThatCannotBegin(t *testing.T) {
	r := newRig(t)
	must(t, os.Mkdir(r.dirs.Socket, 0o700))
	err := r.launch()
	if e, ok := errors.AsType[*api.Error](err); !ok || !strings.Contains(e.Why, "is not a socket") {
		t.Errorf("launch: %v", err)
	}
}

func TestLaunchesAtOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := r.launch(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if pids := children(t); len(pids) != 1 || r.about().Restarts != 0 {
		t.Errorf("keepers %v", pids)
	}
	other := r.config()
	other.Dirs.Socket += "2"
	if err := Launch(t.Context(), other); err == nil || !strings.Contains(err.Error(), r.dirs.Socket) {
		t.Errorf("another socket: %v", err)
	}
	other = r.config()
	other.Foreground = true
	if err := Launch(t.Context(), other); !errors.Is(err, ErrAlreadyRuns) {
		t.Errorf("in the foreground: %v", err)
	}
}

// Launches and ends race: each launch finds a ready switch process.
func TestLaunchWhileEnding(t *testing.T) {
	r := newRig(t)
	for range 10 {
		must(t, r.launch())
		r.end()
	}
}

func TestManyRunsAtOnce(t *testing.T) {
	r := started(t)
	r.make("a")
	r.make("b")
	about := r.about()
	r.run("first", "a", "true")
	r.wait("first")
	before := descriptors(t, about.Keeper)
	const n = 500
	jobs := make(chan int, n)
	for i := range n {
		jobs <- i
	}
	close(jobs)
	c, err := dial(r.dirs.Socket)
	must(t, err)
	defer c.Close()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for i := range jobs {
				id := fmt.Sprint("run", i)
				spec := RunSpec{ID: id, Container: []string{"a", "b"}[i%2], Args: []string{"sh", "-c", fmt.Sprintf("read x; exit %d", i%100)}}
				code := -1
				err := c.Call("Fake.Run", Job{Spec: spec}, new(int))
				if err == nil {
					err = c.Call("Fake.Wait", id, &code)
				}
				if err == nil {
					err = c.Call("Fake.Forget", id, &None{})
				}
				if err != nil || code != i%100 {
					t.Errorf("%s: code %d, %v", id, code, err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "the keeper has its descriptors back", func() bool { return descriptors(t, about.Keeper) <= before })
	if runs := r.runs(); len(runs) != 1 {
		t.Errorf("%d runs left", len(runs))
	}
}

// A container that is closed and dropped is gone, and costs nothing any more.
func TestClosedContainersAreGone(t *testing.T) {
	r := started(t)
	r.make("other")
	about := r.about()
	count := func() [2]int { return [2]int{descriptors(t, about.Keeper), descriptors(t, about.PID)} }
	before := count()
	for range 5 {
		r.make("web")
		p := watch(t, r.run("long", "web", "exec sleep 1000"))
		r.call("Close", "web", &None{})
		eventually(t, "the program is killed", p.ended)
		if code := r.wait("long"); code != 128+9 {
			t.Errorf("code %d", code)
		}
		r.call("Forget", "long", &None{})
	}
	var now [2]int
	eventually(t, "descriptors are given back", func() bool { now = count(); return now[0] <= before[0] && now[1] <= before[1]+1 })
	var names []string
	if r.call("Containers", None{}, &names); !slices.Equal(names, []string{"other"}) {
		t.Errorf("held %q", names)
	}
}
