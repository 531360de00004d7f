package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
)

// Runner is one way to join two or more stations. Run calls Start once, then
// Counters any number of times, then Close once, all from one goroutine.
type Runner interface {
	// Name is short, unique in a run and stable between runs.
	Name() string
	// Start builds the site and returns once frames can pass. It returns at
	// least two stations; on an error it leaves nothing behind.
	Start(ctx context.Context) ([]Station, error)
	// Counters reads the totals of what the thing under test forwarded, from
	// its own books: not from the stations.
	Counters() (Counters, error)
	// Close takes down everything that Start made.
	Close() error
}

// Station is a network namespace that is attached to the thing under test.
type Station struct {
	Name         string
	Addr4, Addr6 netip.Addr
	// Port is the only port at which peers reach the station, as when it is
	// published; 0 leaves the choice to the listener. Reach is the address at which
	// they reach it; the zero value stands for Addr4.
	Port  uint16
	Reach netip.Addr
	// Start starts a prepared command inside the station's namespace, as
	// exec.Cmd.Start does. The caller waits for it. It must not set Pdeathsig:
	// the thread that starts the command may be a throw-away one.
	Start func(*exec.Cmd) error
	// SetSysctl sets a sysctl of the station's namespace, by its dotted name.
	SetSysctl func(name, value string) error
}

// reach returns where peers find what listens on the port.
func (st *Station) reach(port uint16) netip.AddrPort {
	if st.Reach.IsValid() {
		return netip.AddrPortFrom(st.Reach, port)
	}
	return netip.AddrPortFrom(st.Addr4, port)
}

// Counters are totals since the site was built. Each frame is counted once, on
// its way in; a super-frame is one frame with all its bytes.
type Counters struct {
	// Source says where the numbers are read, for the report.
	Source string `json:"source"`
	Frames uint64 `json:"frames"`
	Bytes  uint64 `json:"bytes"`
	// Drops counts frames that the thing under test, or its queues, lost.
	Drops uint64 `json:"drops"`
}

// since returns c minus an earlier reading.
func (c Counters) since(old Counters) Counters {
	return Counters{Source: c.Source, Frames: c.Frames - old.Frames, Bytes: c.Bytes - old.Bytes, Drops: c.Drops - old.Drops}
}

// site is a started runner.
type site struct {
	Runner
	stations []Station
}

func startSite(ctx context.Context, r Runner) (*site, error) {
	st, err := r.Start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", r.Name(), err)
	}
	if len(st) < 2 {
		_ = r.Close()
		return nil, fmt.Errorf("start %s: %d stations, want two", r.Name(), len(st))
	}
	return &site{Runner: r, stations: st}, nil
}

// manyPorts lets the stations open thousands of connections a second to one port: the
// side that closes first keeps its port in TIME-WAIT (RFC 9293, section 3.6), and with
// reuse only for a second.
func (s *site) manyPorts() error {
	for _, st := range s.stations {
		err := errors.Join(st.SetSysctl("net.ipv4.tcp_tw_reuse", "1"), st.SetSysctl("net.ipv4.ip_local_port_range", "10240 65535"))
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	return nil
}

// unpacedControl is one that does not pace, and that every namespace may set.
const unpacedControl = "reno"

// unpaced has the sockets of a station begin with reno instead of the machine's
// congestion control. A socket that began with bbr seems to go on pacing after it
// was given another, and then the pacing is measured, not the road; RESULTS.md
// says how far that is shown. Every namespace may set reno, and not every other.
func (s *site) unpaced() error {
	for _, st := range s.stations {
		if err := st.SetSysctl("net.ipv4.tcp_congestion_control", unpacedControl); err != nil {
			return fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	return nil
}
