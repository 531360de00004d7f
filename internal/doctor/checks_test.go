package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

// find runs the basic check of that name.
func find(t *testing.T, m Machine, id string) Finding {
	t.Helper()
	for _, c := range Basic(m) {
		if c.ID == id {
			return c.Run(context.Background())
		}
	}
	t.Fatalf("no check %q", id)
	return Finding{}
}

func opening(err error) func(*Machine) {
	return func(m *Machine) {
		m.Open = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
	}
}

func refusing(err error) func(*Machine) {
	return func(m *Machine) {
		m.Namespaces = func() error { return &fs.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: err} }
	}
}

func limited(n uint64) func(*Machine) {
	return func(m *Machine) { m.Limit = func(int) (uint64, error) { return n, nil } }
}

func kernel(release string) func(*Machine) { return func(m *Machine) { m.Kernel = release } }

func noTools(m *Machine) {
	m.LookPath = func(name string) (string, error) { return "", &exec.Error{Name: name, Err: exec.ErrNotFound} }
}

func noLimits(m *Machine) {
	m.Limit = func(int) (uint64, error) { return 0, os.NewSyscallError("getrlimit", syscall.EINVAL) }
}

func asRoot(m *Machine) { m.UID = 0 }

func both(a, b func(*Machine)) func(*Machine) { return func(m *Machine) { a(m); b(m) } }

// Every finding of the basic checks, on a machine that is broken in one way.
func TestBasicFindings(t *testing.T) {
	tests := []struct {
		name    string
		id      string
		sysctls map[string]string
		breakit func(*Machine)
		status  Status
		code    api.Code
		detail  string // part of
		fix     string // part of
	}{
		{"ping sockets for all", "ping-sockets", map[string]string{"net/ipv4/ping_group_range": "0\t2147483647"}, nil, OK, "", "group 1000", ""},
		{"ping sockets for nobody", "ping-sockets", map[string]string{"net/ipv4/ping_group_range": "1\t0"}, nil, Warn, api.PingClosed, "no group", "ping_group_range"},
		{"ping sockets for others", "ping-sockets", map[string]string{"net/ipv4/ping_group_range": "5\t6"}, nil, Warn, api.PingClosed, "none of your groups", "ping_group_range"},
		{"ping sockets unknown", "ping-sockets", nil, nil, Warn, api.PingClosed, "cannot be read", ""},
		{"ping sockets for root", "ping-sockets", nil, asRoot, OK, "", "raw", ""},
		{"low ports closed", "low-ports", map[string]string{"net/ipv4/ip_unprivileged_port_start": "1024"}, nil, OK, "", "from 1024", ""},
		{"low ports open", "low-ports", map[string]string{"net/ipv4/ip_unprivileged_port_start": "0"}, nil, OK, "", "from 0 on", ""},

		{"kernel new", "kernel", nil, nil, OK, "", "Linux 6.18.0-test", ""},
		{"kernel ancient", "kernel", nil, kernel("3.10.0"), Fail, api.KernelOld, "5.3", ""},
		{"kernel just new enough", "kernel", nil, kernel("5.3.0"), Warn, api.KernelOld, "6.2", ""},
		{"kernel without multishot", "kernel", nil, kernel("6.6.1"), Warn, api.KernelOld, "6.7", ""},
		{"kernel at the edge", "kernel", nil, kernel("6.7.0"), OK, "", "6.7.0", ""},
		{"kernel of a form not known", "kernel", nil, kernel("plan9"), Warn, api.KernelOld, "plan9", ""},

		{"tun open", "tun", nil, nil, OK, "", "mode 0600", ""},
		{"tun missing", "tun", nil, opening(syscall.ENOENT), Fail, api.TunMissing, "does not exist", "mknod -m 0666 /dev/net/tun c 10 200"},
		{"tun closed", "tun", nil, opening(syscall.EACCES), Fail, api.TunClosed, "(EACCES, mode 0600 ", "chmod 0666 /dev/net/tun"},
		{"tun refused by a container", "tun", nil, opening(syscall.EPERM), Fail, api.TunClosed, "EPERM", ""},
		{"tun without driver, ENXIO", "tun", nil, opening(syscall.ENXIO), Fail, api.TunNoDriver, "ENXIO", "modprobe tun"},
		{"tun without driver, ENODEV", "tun", nil, opening(syscall.ENODEV), Fail, api.TunNoDriver, "ENODEV", "modprobe tun"},
		{"tun fails otherwise", "tun", nil, opening(syscall.EIO), Fail, api.ProbeFailed, "EIO", ""},

		{"namespaces of a user", "namespaces", nil, nil, OK, "", "user 1000", ""},
		{"namespaces of root", "namespaces", nil, asRoot, OK, "", "as root", ""},
		{"namespaces 0", "namespaces", map[string]string{"user/max_user_namespaces": "0"}, refusing(syscall.ENOSPC),
			Fail, api.UsernsSysctl, "max_user_namespaces is 0", "sysctl -w user.max_user_namespaces="},
		{"network namespaces 0", "namespaces", map[string]string{"user/max_user_namespaces": "9", "user/max_net_namespaces": "0"},
			refusing(syscall.ENOSPC), Fail, api.UsernsSysctl, "max_net_namespaces is 0", "sysctl -w user.max_net_namespaces="},
		{"namespaces exhausted", "namespaces", map[string]string{"user/max_user_namespaces": "9"}, refusing(syscall.ENOSPC),
			Fail, api.UsernsExhausted, "ENOSPC", "sysctl -w"},
		{"namespaces nested too deep", "namespaces", nil, refusing(syscall.EUSERS), Fail, api.UsernsExhausted, "EUSERS", "sysctl -w"},
		{"Debian's switch", "namespaces", map[string]string{"kernel/unprivileged_userns_clone": "0"}, refusing(syscall.EPERM),
			Fail, api.UsernsSysctl, "unprivileged_userns_clone is 0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"AppArmor", "namespaces", map[string]string{"kernel/unprivileged_userns_clone": "1", "kernel/apparmor_restrict_unprivileged_userns": "1"},
			refusing(syscall.EACCES), Fail, api.UsernsAppArmor, "apparmor_restrict", "sysctl -w kernel.apparmor_restrict"},
		{"AppArmor allows this program", "namespaces", map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1"}, nil, OK, "", "made", ""},
		{"refused by something else", "namespaces", nil, refusing(syscall.EPERM), Fail, api.NamespacesRefused, "no known setting", ""},
		{"refused to root", "namespaces", map[string]string{"kernel/unprivileged_userns_clone": "0"}, both(asRoot, refusing(syscall.EPERM)),
			Fail, api.NamespacesRefused, "CAP_SYS_ADMIN", ""},
		{"kernel without namespaces", "namespaces", nil, refusing(syscall.EINVAL), Fail, api.NamespacesRefused, "EINVAL", ""},
		{"namespaces fail otherwise", "namespaces", nil, refusing(syscall.ENOMEM), Fail, api.NamespacesRefused, "ENOMEM", ""},
		{"namespaces fail without a number", "namespaces", nil, refusing(errors.New("odd")), Fail, api.ProbeFailed, "odd", ""},

		{"files", "files", nil, nil, OK, "", "1073741824", ""},
		{"few files", "files", nil, limited(1024), Warn, api.OpenFiles, "1024", ""},
		{"files not known", "files", nil, noLimits, Warn, api.ProbeFailed, "EINVAL", ""},

		{"io_uring", "io-uring", map[string]string{"kernel/io_uring_disabled": "0"}, nil, OK, "", "is 0", ""},
		{"io_uring without a setting", "io-uring", nil, nil, OK, "", "no setting", ""},
		{"io_uring for a group", "io-uring", map[string]string{"kernel/io_uring_disabled": "1"}, nil, Warn, api.UringUnavailable, "one group", "io_uring_disabled=0"},
		{"io_uring for a group, as root", "io-uring", map[string]string{"kernel/io_uring_disabled": "1"}, asRoot, OK, "", "is 1", ""},
		{"io_uring for nobody", "io-uring", map[string]string{"kernel/io_uring_disabled": "2"}, asRoot, Warn, api.UringUnavailable, "nobody", "io_uring_disabled=0"},
		{"io_uring setting of a form not known", "io-uring", map[string]string{"kernel/io_uring_disabled": "maybe"}, nil, OK, "", "no setting", ""},

		{"locked memory", "memlock", nil, nil, OK, "", "1048576 KiB", ""},
		{"locked memory, no limit", "memlock", nil, limited(^uint64(0)), OK, "", "not limited", ""},
		{"locked memory, little", "memlock", nil, limited(64 << 10), Warn, api.LockedMemory, "64 KiB", ""},
		{"locked memory of root", "memlock", nil, both(asRoot, limited(64<<10)), OK, "", "root", ""},
		{"locked memory not known", "memlock", nil, noLimits, Warn, api.ProbeFailed, "EINVAL", ""},

		{"ping", "ping", nil, nil, OK, "", "/usr/bin/ping", ""},
		{"no ping", "ping", nil, noTools, Warn, api.ToolMissing, "ping is not in PATH", "apt-get install -y iputils-ping"},
		{"no iperf3", "iperf3", nil, noTools, Warn, api.ToolMissing, "iperf3 is not in PATH", "apt-get install -y iperf3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := healthy(t, tt.sysctls)
			if tt.breakit != nil {
				tt.breakit(&m)
			}
			f := find(t, m, tt.id)
			if f.Status != tt.status || f.Code != tt.code {
				t.Errorf("%s %s, want %s %s", f.Status, f.Code, tt.status, tt.code)
			}
			if !strings.Contains(f.Detail, tt.detail) || strings.Contains(f.Detail, "\n") {
				t.Errorf("detail %q, want %q in one line", f.Detail, tt.detail)
			}
			if !strings.Contains(f.Fix, tt.fix) || tt.fix == "" && f.Fix != "" || strings.Contains(f.Fix, "sudo") {
				t.Errorf("fix %q, want %q", f.Fix, tt.fix)
			}
		})
	}
}
