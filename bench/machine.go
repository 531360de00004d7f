package bench

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is what the figures depend on, apart from the program.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Go     string `json:"go"`
	// DefaultCongestion is the machine's; Congestion what TCP really used.
	DefaultCongestion string `json:"default_congestion"`
	IPerf             string `json:"iperf3"`
	Commit            string `json:"commit,omitempty"`
	// Observed is what observation was switched on; empty for none.
	Observed string `json:"observed,omitempty"`
}

func readMachine(o *Options) Machine {
	m := Machine{
		Kernel: firstLine("/proc/sys/kernel/osrelease"), CPU: cpuModel("/proc/cpuinfo"),
		Cores: runtime.NumCPU(), Go: runtime.Version(),
		DefaultCongestion: DefaultCongestion(),
		IPerf:             toolVersion(o.Env.IPerf), Commit: o.Commit, Observed: o.Observed,
	}
	if m.Commit == "" {
		m.Commit = buildCommit()
	}
	return m
}

func firstLine(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// cpuModel reads the first processor's name; "unknown" where cpuinfo has none.
func cpuModel(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if k, v, ok := strings.Cut(sc.Text(), ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// toolVersion returns the first line that the program prints of itself.
func toolVersion(program string) string {
	if program == "" {
		return ""
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// buildCommit returns what the Go tool stamped into the program, if anything.
func buildCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var rev, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if rev == "" {
		return ""
	}
	return rev + dirty
}

// DefaultCongestion returns the machine's congestion control.
func DefaultCongestion() string { return firstLine("/proc/sys/net/ipv4/tcp_congestion_control") }

// Cubic returns "cubic" when the kernel offers it, else "": the machine's default
// may pace (bbr), and then a figure shows the pacing and not the road.
func Cubic() string {
	for _, name := range strings.Fields(firstLine("/proc/sys/net/ipv4/tcp_available_congestion_control")) {
		if name == "cubic" {
			return name
		}
	}
	return ""
}
