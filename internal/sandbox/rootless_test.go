package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestHelper is not a test: it is what copies of this program do for the tests.
func TestHelper(t *testing.T) {
	switch part, arg, _ := strings.Cut(os.Getenv(helperEnv), " "); part {
	case "":
	case "outer":
		os.Setenv(helperEnv, arg)
		code, err := Reexec(Rerun{})
		if err != nil {
			fmt.Println("error:", err)
			code = 99
		}
		os.Exit(code)
	case "inner-report":
		report()
	case "inner-signals":
		echoSignals()
	case "inner-limits":
		limits()
	case "holder":
		hold(arg)
	}
}

// helper prepares a copy of this program that plays a part.
func helper(t *testing.T, part string) *exec.Cmd {
	t.Helper()
	needNamespaces(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestHelper$", "with", "arguments")
	cmd.Env = append(os.Environ(), helperEnv+"="+part)
	return cmd
}

// report says where this process finds itself, and ends with a code of its own.
func report() {
	user, _ := os.Readlink("/proc/self/ns/user")
	net, _ := os.Readlink("/proc/self/ns/net")
	mnt, _ := os.Readlink("/proc/self/ns/mnt")
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(os.Getuid(), os.Getgid(), NeedsUserNS(), user, net, mnt, strings.Join(os.Args[2:], "+"), os.Getenv("PASSED"), line)
	fmt.Println(propagation())
	os.Exit(7)
}

// propagation lists the mounts that would still take part in the host's.
func propagation() string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "shared:") || strings.Contains(line, "master:") {
			return "not private: " + line
		}
	}
	return "private"
}

func TestReexecPassesEverythingThrough(t *testing.T) {
	cmd := helper(t, "outer inner-report")
	cmd.Env = append(cmd.Env, "PASSED=through")
	cmd.Stdin = strings.NewReader("typed\n")
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	f := strings.Fields(string(out))
	want := []string{"0", "0", "false", "", "", "", "with+arguments", "through", "typed", "private"}
	for i := range want {
		if want[i] != "" && (i >= len(f) || f[i] != want[i]) {
			t.Fatalf("got %q, want %q", f, want)
		}
	}
	for i, k := range map[int]Kind{3: User, 4: Net, 5: Mount} {
		own, err := os.Readlink("/proc/self/ns/" + string(k))
		must(t, err)
		if same := own == f[i]; same != (k == Net) {
			t.Errorf("%s namespace %s, ours is %s", k, f[i], own)
		}
	}
}

// echoSignals says which signals come, until SIGTERM.
func echoSignals() {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	fmt.Println("ready", os.Getpid())
	for s := range c {
		fmt.Println(unix.SignalName(s.(syscall.Signal)))
		if s == unix.SIGTERM {
			os.Exit(3)
		}
	}
}

// begin starts a helper, reads its first line and returns the number in it.
func begin(t *testing.T, cmd *exec.Cmd) (*bufio.Reader, int) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { r.Close() })
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	must(t, cmd.Start())
	must(t, w.Close())
	lines := bufio.NewReader(r)
	return lines, ready(t, lines)
}

func ready(t *testing.T, lines *bufio.Reader) int {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v", line, err)
		}
		if number, ok := strings.CutPrefix(strings.TrimSpace(line), "ready "); ok {
			pid, err := strconv.Atoi(number)
			must(t, err)
			return pid
		}
	}
}

func TestReexecForwardsSignals(t *testing.T) {
	cmd := helper(t, "outer inner-signals")
	lines, _ := begin(t, cmd)
	for _, s := range []syscall.Signal{unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM} {
		must(t, cmd.Process.Signal(s))
		if line, err := lines.ReadString('\n'); line != unix.SignalName(s)+"\n" {
			t.Fatalf("sent %v, got %q, %v", s, line, err)
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

// What nohup has taken away stays taken away.
func TestReexecKeepsIgnoredSignals(t *testing.T) {
	cmd := helper(t, "outer inner-signals")
	nohup := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `trap '' HUP; exec "$@"`, "sh", "/proc/" + itoa(os.Getpid()) + "/exe"}, cmd.Args[1:]...)...)
	nohup.Env = cmd.Env
	lines, _ := begin(t, nohup)
	must(t, nohup.Process.Signal(unix.SIGHUP))
	must(t, nohup.Process.Signal(unix.SIGTERM))
	if line, _ := lines.ReadString('\n'); line != "SIGTERM\n" {
		t.Errorf("got %q", line)
	}
	nohup.Wait()
}

// The keyboard's Ctrl-C reaches a program at a terminal once, not twice.
func TestReexecAtATerminal(t *testing.T) {
	master, slave := terminal(t)
	cmd := helper(t, "outer inner-signals")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, cmd.Start())
	must(t, slave.Close())
	lines := bufio.NewReader(master)
	ready(t, lines)
	_, err := master.WriteString("\x03")
	must(t, err)
	ints := 0
	for {
		line, err := lines.ReadString('\n')
		must(t, err)
		if strings.Contains(line, "SIGINT") {
			ints++
			// Were the key's signal passed on as well, it would be before this one.
			must(t, cmd.Process.Signal(unix.SIGTERM))
		}
		if strings.Contains(line, "SIGTERM") {
			break
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); ints != 1 || code != 3 {
		t.Errorf("%d SIGINT, exit code %d", ints, code)
	}
}

// terminal opens a pair of pseudo terminals, see pty(7).
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { master.Close() })
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	slave, err = os.OpenFile("/dev/pts/"+itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestReexecDiesWithItsParent(t *testing.T) {
	cmd := helper(t, "outer inner-signals")
	_, inner := begin(t, cmd)
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if !ended(inner) {
		t.Error("the inner process outlived the outer one")
	}
}

func TestReexecReportsTheEndBySignal(t *testing.T) {
	cmd := helper(t, "outer inner-signals")
	_, inner := begin(t, cmd)
	must(t, unix.Kill(inner, unix.SIGKILL))
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+9 {
		t.Errorf("exit code %d", code)
	}
}

func TestReexecOfNothing(t *testing.T) {
	needNamespaces(t)
	_, err := Reexec(Rerun{Path: "/no/such/program"})
	if _, is := errors.AsType[*NamespaceError](err); !errors.Is(err, os.ErrNotExist) || is {
		t.Errorf("missing program: %v", err)
	}
}

// limits forbids namespaces in a user namespace of its own and says what comes of
// that. The limits are this namespace's; the host's are not touched.
func limits() {
	set := func(k Kind, n int) {
		if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(limitSysctl(k), ".", "/"), []byte(itoa(n)), 0); err != nil {
			fmt.Println(err)
		}
	}
	for _, k := range []Kind{Net, Mount, UTS} {
		set(k, 0)
		_, err := Create(Config{Name: "x"})
		fmt.Println("create:", describe(err))
		for _, c := range Probe() {
			if c.Kind == k {
				fmt.Println("probe:", describe(c.Err))
			}
		}
		set(k, 1000)
	}
	set(User, 0)
	_, err := Reexec(Rerun{})
	fmt.Println("reexec:", describe(err))
	os.Exit(0)
}

func describe(err error) string {
	ns, ok := errors.AsType[*NamespaceError](err)
	if !ok {
		return fmt.Sprintf("untyped: %v", err)
	}
	return fmt.Sprintf("%s: %s", ns.Kind, ns.Why())
}

func TestForbiddenNamespacesAreExplained(t *testing.T) {
	out, err := helper(t, "outer inner-limits").CombinedOutput()
	must(t, err)
	want := ""
	for _, k := range []Kind{Net, Mount, UTS} {
		s := fmt.Sprintf("%s: the sysctl %s is 0\n", k, limitSysctl(k))
		want += "create: " + s + "probe: " + s
	}
	want += "reexec: user: the sysctl user.max_user_namespaces is 0\n"
	if !bytes.Equal(out, []byte(want)) {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}
