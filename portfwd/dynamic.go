package portfwd

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// Range is a range of ports, both ends included.
type Range struct{ First, Last uint16 }

// contains reports whether port lies in r.
func (r Range) contains(port uint16) bool { return r.First <= port && port <= r.Last }

// Dynamic are the ports to choose from where none was asked for.
type Dynamic struct {
	Range
	// Reserved ports are never chosen, only given when they are asked for.
	Reserved []Range
}

// iana are the dynamic ports where the host names none (RFC 6335, section 6).
var iana = Range{First: 49153, Last: 65535}

// HostDynamic reads net.ipv4.ip_local_port_range and ip_local_reserved_ports of the
// calling thread's network namespace. They hold for IPv6, too.
func HostDynamic() Dynamic {
	d := Dynamic{Range: iana}
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if fields := strings.Fields(string(b)); err == nil && len(fields) == 2 {
		if r, ok := parseRange(fields[0] + "-" + fields[1]); ok {
			d.Range = r
		}
	}
	b, _ = os.ReadFile("/proc/sys/net/ipv4/ip_local_reserved_ports") // none where it is missing
	d.Reserved = parseRanges(strings.TrimSpace(string(b)))
	return d
}

// LowestPort returns the lowest port that who may not have all may bind
// (net.ipv4.ip_unprivileged_port_start of the calling thread's network namespace).
func LowestPort() uint16 {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16); err == nil {
			return uint16(n)
		}
	}
	return 1024 // PROT_SOCK of include/net/sock.h, before there was a setting
}

// parseRanges reads the kernel's list of ports: "8080,9148-9150". What it cannot
// read it leaves out.
func parseRanges(s string) []Range {
	var out []Range
	for part := range strings.SplitSeq(s, ",") {
		if r, ok := parseRange(part); ok {
			out = append(out, r)
		}
	}
	return out
}

func parseRange(s string) (Range, bool) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil || a == 0 || a > b {
		return Range{}, false
	}
	return Range{First: uint16(a), Last: uint16(b)}, true
}

// reserved reports whether port must not be chosen.
func (d Dynamic) reserved(port uint16) bool {
	return slices.ContainsFunc(d.Reserved, func(r Range) bool { return r.contains(port) })
}

// after returns the port that follows last in the range, and its first after the
// end or when last is not in it.
func (d Dynamic) after(last uint16) uint16 {
	if !d.contains(last) || last == d.Last {
		return d.First
	}
	return last + 1
}
