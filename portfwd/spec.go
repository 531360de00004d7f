package portfwd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"
)

// Protocols that are published.
const (
	TCP = "tcp"
	UDP = "udp"
)

// Spec is one published port as it was asked for.
type Spec struct {
	// Proto is TCP or UDP.
	Proto string
	// HostIP is the host's address. The zero Addr: none was given, which means the
	// network's default binding address; 0.0.0.0 and :: mean one family only.
	HostIP netip.Addr
	// HostPort and HostPortEnd are the host ports to choose from, both included; both
	// 0: any port of the host's dynamic range.
	HostPort, HostPortEnd uint16
	// Port is the container's.
	Port uint16
}

// ParseSpec reads the argument of Docker's option -p:
//
//	[[ip:][hostPort[-hostEnd]]:]containerPort[-containerEnd][/proto]
//
// A range of container ports gives one Spec a port. The grammar and its error
// sentences are Docker's own. What the grammar allows and nobody can publish is
// refused with ErrProtocol or ErrPort.
func ParseSpec(s string) ([]Spec, error) {
	mappings, err := nat.ParsePortSpec(s)
	if err != nil {
		return nil, fmt.Errorf("portfwd: read %q: %w", s, err)
	}
	specs := make([]Spec, 0, len(mappings))
	for _, m := range mappings {
		spec, err := specOf(m)
		if err != nil {
			return nil, fmt.Errorf("portfwd: read %q: %w", s, err)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func specOf(m nat.PortMapping) (Spec, error) {
	s := Spec{Proto: m.Port.Proto(), Port: uint16(m.Port.Int())}
	if ip := m.Binding.HostIP; ip != "" {
		a, err := netip.ParseAddr(ip)
		if err != nil {
			return Spec{}, err
		}
		s.HostIP = a.Unmap()
	}
	if ports := m.Binding.HostPort; ports != "" {
		first, last, err := nat.ParsePortRange(ports)
		if err != nil {
			return Spec{}, err
		}
		s.HostPort, s.HostPortEnd = uint16(first), uint16(last)
	}
	return s, s.check()
}

// check refuses what no socket can be made for.
func (s Spec) check() error {
	switch {
	case s.Proto != TCP && s.Proto != UDP:
		return fmt.Errorf("%w: %s", ErrProtocol, s)
	case s.Port == 0, s.HostPort == 0 && s.HostPortEnd != 0:
		return fmt.Errorf("%w: %s", ErrPort, s)
	case s.HostPortEnd < s.HostPort, s.HostIP.Zone() != "":
		return fmt.Errorf("%w: %s", ErrSpec, s)
	}
	return nil
}

// String returns the form that ParseSpec reads.
func (s Spec) String() string {
	var b strings.Builder
	if s.HostIP.IsValid() {
		b.WriteString(bracketed(s.HostIP) + ":")
	}
	if s.HostPort != 0 || s.HostPortEnd != 0 {
		b.WriteString(strconv.Itoa(int(s.HostPort)))
		if s.HostPortEnd != s.HostPort {
			fmt.Fprintf(&b, "-%d", s.HostPortEnd)
		}
	}
	if b.Len() > 0 {
		b.WriteByte(':')
	}
	fmt.Fprintf(&b, "%d/%s", s.Port, s.Proto)
	return b.String()
}

// At returns s with the one host port that was chosen for it, which is how the same
// port is had again after a restart.
func (s Spec) At(port uint16) Spec {
	s.HostPort, s.HostPortEnd = port, port
	return s
}

// covers reports whether port is one of those that s asks for.
func (s Spec) covers(port uint16) bool {
	return s.HostPort == 0 || s.HostPort <= port && port <= s.HostPortEnd
}

func bracketed(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return "[" + a.String() + "]"
}
