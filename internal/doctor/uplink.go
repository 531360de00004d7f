package doctor

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// pingSockets looks whether the user may send echo requests for containers: by ping
// sockets (icmp(7)), or as root by raw ones.
func (m Machine) pingSockets(context.Context) Finding {
	const fix = `sysctl -w net.ipv4.ping_group_range="0 2147483647"`
	if m.UID == 0 {
		return Found("root uses raw sockets")
	}
	low, high, ok := m.groupRange()
	switch {
	case !ok:
		return Warning(api.PingClosed, "net.ipv4.ping_group_range cannot be read")
	case low > high:
		return Warning(api.PingClosed, "net.ipv4.ping_group_range is %d %d: no group has ping sockets", low, high).WithFix(fix)
	}
	for _, g := range m.Groups {
		if int64(g) >= low && int64(g) <= high {
			return Found("net.ipv4.ping_group_range is %d %d, and group %d is in it", low, high, g)
		}
	}
	return Warning(api.PingClosed, "net.ipv4.ping_group_range is %d %d, and none of your groups is in it", low, high).WithFix(fix)
}

// groupRange reads the groups that have ping sockets; low is above high for none.
func (m Machine) groupRange() (low, high int64, ok bool) {
	b, err := os.ReadFile(filepath.Join(m.Root, "proc/sys/net/ipv4/ping_group_range"))
	if err != nil {
		return 0, 0, false
	}
	fields := strings.Fields(string(bytes.TrimSpace(b)))
	if len(fields) != 2 {
		return 0, 0, false
	}
	low, err1 := strconv.ParseInt(fields[0], 10, 64)
	high, err2 := strconv.ParseInt(fields[1], 10, 64)
	return low, high, err1 == nil && err2 == nil
}

// lowPorts says from which port on the user may publish.
func (m Machine) lowPorts(context.Context) Finding {
	n, ok := m.sysctl("net/ipv4/ip_unprivileged_port_start")
	switch {
	case m.UID == 0:
		return Found("root may publish all ports")
	case !ok:
		return Found("from 1024 on")
	case n > 80:
		return Found("from %d on; lower ones: as -p 8080:80, or by systemd's sockets", n)
	}
	return Found("from %d on", n)
}
