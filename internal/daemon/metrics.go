package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// Metrics writes the Prometheus text format (version 0.0.4): counters a port, and
// what the process itself uses.
func (d *Daemon) Metrics(ctx context.Context, w io.Writer) error {
	b := bufio.NewWriter(w)
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	m := metrics{b}
	m.single("vswitch_info", "gauge", "The running switch.", 1, "version", status.Version, "loop", status.Loop)
	m.single("vswitch_networks", "gauge", "Networks that there are.", float64(status.Networks))
	m.single("vswitch_containers", "gauge", "Containers that there are.", float64(status.Containers))
	m.single("vswitch_containers_running", "gauge", "Containers that run.", float64(status.Running))
	m.single("vswitch_findings", "gauge", "Things that went wrong and were survived.", float64(len(status.Findings)))
	m.single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", float64(status.Memory))
	m.single("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", status.CPU)
	m.uplinks(d.m.Networks())
	m.ports(d.m.Stats().Ports)
	return b.Flush()
}

// metrics writes families.
type metrics struct{ w *bufio.Writer }

func (m metrics) head(name, kind, help string) {
	fmt.Fprintf(m.w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one line; labels are names and values in turn.
func (m metrics) sample(name string, value float64, labels ...string) {
	m.w.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(m.w, "%s%s=\"%s\"", sep, labels[i], escape(labels[i+1]))
	}
	if len(labels) > 0 {
		m.w.WriteByte('}')
	}
	m.w.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

func (m metrics) single(name, kind, help string, value float64, labels ...string) {
	m.head(name, kind, help)
	m.sample(name, value, labels...)
}

// escape is what the format asks of label values.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(s)
}

// ports writes a family a counter.
func (m metrics) ports(ports []api.PortStats) {
	for _, f := range []struct {
		name, help string
		of         func(*api.PortStats) uint64
	}{
		{"vswitch_port_receive_frames_total", "Frames that came in by the port.", func(p *api.PortStats) uint64 { return p.RxFrames }},
		{"vswitch_port_receive_bytes_total", "Bytes that came in by the port.", func(p *api.PortStats) uint64 { return p.RxBytes }},
		{"vswitch_port_transmit_frames_total", "Frames that left by the port.", func(p *api.PortStats) uint64 { return p.TxFrames }},
		{"vswitch_port_transmit_bytes_total", "Bytes that left by the port.", func(p *api.PortStats) uint64 { return p.TxBytes }},
		{"vswitch_port_ring_drops_total", "Frames that the kernel dropped before the switch could read them.", func(p *api.PortStats) uint64 { return p.RingDrops }},
	} {
		m.head(f.name, "counter", f.help)
		for i := range ports {
			m.sample(f.name, float64(f.of(&ports[i])), labelsOf(&ports[i])...)
		}
	}
	m.head("vswitch_port_ends_total", "counter", "Frames that ended at the port, by reason.")
	for i := range ports {
		reasons := make([]string, 0, len(ports[i].Ends))
		for r := range ports[i].Ends {
			reasons = append(reasons, r)
		}
		sort.Strings(reasons)
		for _, r := range reasons {
			m.sample("vswitch_port_ends_total", float64(ports[i].Ends[r]), append(labelsOf(&ports[i]), "reason", r)...)
		}
	}
}

func labelsOf(p *api.PortStats) []string {
	return []string{"port", strconv.Itoa(p.Port), "network", p.Network, "container", p.Container, "interface", p.Interface}
}

// statm returns the resident pages of the process (proc_pid_statm(5)).
func statm() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.ParseUint(fields[1], 10, 64)
}
