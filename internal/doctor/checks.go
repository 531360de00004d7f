package doctor

import (
	"context"
	"errors"
	"syscall"

	"vswitch/internal/api"
)

// Basic returns the checks that need nothing but the kernel's own files and
// system calls, in the order in which a person would ask.
func Basic(m Machine) []Check {
	return []Check{
		{ID: "kernel", Title: "kernel", Blocks: BlocksAll, Run: m.kernel},
		{ID: "namespaces", Title: "namespaces", Blocks: BlocksAll, Run: m.namespaces},
		{ID: "tun", Title: "TAP device", Blocks: BlocksAll, Run: m.tun},
		{ID: "files", Title: "open files", Blocks: BlocksAll, Run: m.openFiles},
		{ID: "io-uring", Title: "io_uring allowed", Blocks: BlocksSpeed, Run: m.ioUring},
		{ID: "memlock", Title: "locked memory", Blocks: BlocksSpeed, Run: m.lockedMemory},
		{ID: "low-ports", Title: "published ports", Blocks: BlocksAll, Run: m.lowPorts},
		{ID: "ping-sockets", Title: "ping sockets", Blocks: BlocksPing, Run: m.pingSockets},
		{ID: "ping", Title: "ping", Blocks: BlocksDemo, Run: m.tool("ping", "iputils-ping")},
		{ID: "iperf3", Title: "iperf3", Blocks: BlocksDemo, Run: m.tool("iperf3", "iperf3")},
	}
}

// kernel compares the release with what the features need.
func (m Machine) kernel(context.Context) Finding {
	major, minor, ok := version(m.Kernel)
	since := func(a, b int) bool { return major > a || major == a && minor >= b }
	switch {
	case !ok:
		return Warning(api.KernelOld, "the release %q is not of the form that Linux uses", m.Kernel)
	case !since(5, 3):
		return Failure(api.KernelOld, "Linux %s; 5.3 is the oldest version supported", m.Kernel)
	case !since(6, 2):
		return Warning(api.KernelOld, "Linux %s: no UDP segmentation on TAP devices (6.2), no io_uring loop (6.7)", m.Kernel)
	case !since(6, 7):
		return Warning(api.KernelOld, "Linux %s: no io_uring loop (6.7)", m.Kernel)
	}
	return Found("Linux %s", m.Kernel)
}

// tunPath is where TAP devices are opened.
const tunPath = "/dev/net/tun"

// tun opens the node, which is what the switch will do.
func (m Machine) tun(context.Context) Finding {
	err := m.Open(tunPath)
	errno, _ := errors.AsType[syscall.Errno](err)
	switch {
	case err == nil:
		return Found("%s opens (%s)", tunPath, m.Owner(tunPath))
	case errno == syscall.ENOENT:
		return Failure(api.TunMissing, "%s does not exist", tunPath).
			WithFix("mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200")
	case errno == syscall.EACCES:
		return Failure(api.TunClosed, "%s exists but opening it was refused (EACCES, %s)", tunPath, m.Owner(tunPath)).
			WithFix("chmod 0666 /dev/net/tun")
	case errno == syscall.EPERM:
		return Failure(api.TunClosed, "%s exists but a surrounding container's device rules refuse it (EPERM)", tunPath)
	case errno == syscall.ENXIO, errno == syscall.ENODEV:
		return Failure(api.TunNoDriver, "%s exists but has no driver behind it (%s)", tunPath, api.Errno(errno)).
			WithFix("modprobe tun")
	}
	return Failure(api.ProbeFailed, "%s", api.Reason(err))
}

// fewFiles is enough for some hundred containers.
const fewFiles = 4096

// openFiles looks at the hard limit: the Go runtime raises the soft one to it.
func (m Machine) openFiles(context.Context) Finding {
	n, err := m.Limit(syscall.RLIMIT_NOFILE)
	switch {
	case err != nil:
		return Warning(api.ProbeFailed, "%s", api.Reason(err))
	case n < fewFiles:
		return Warning(api.OpenFiles, "at most %d, enough for about %d containers", n, n/8)
	}
	return Found("at most %d", n)
}

// ioUring reads the setting. Whether the loop works is another check's to try.
func (m Machine) ioUring(context.Context) Finding {
	const fix = "sysctl -w kernel.io_uring_disabled=0"
	v, ok := m.sysctl("kernel/io_uring_disabled")
	switch {
	case ok && v >= 2:
		return Warning(api.UringUnavailable, "kernel.io_uring_disabled is %d: nobody may use it", v).WithFix(fix)
	case ok && v == 1 && m.UID != 0:
		return Warning(api.UringUnavailable, "kernel.io_uring_disabled is 1: only root and one group may use it").WithFix(fix)
	case !ok:
		return Found("the kernel has no setting that forbids it")
	}
	return Found("kernel.io_uring_disabled is %d", v)
}

// lockedBytes holds the registered buffers of three worker threads.
const lockedBytes = 8 << 20

// lockedMemory matters to ordinary users only: root's locked memory is not
// counted (CAP_IPC_LOCK).
func (m Machine) lockedMemory(context.Context) Finding {
	n, err := m.Limit(memlock)
	switch {
	case m.UID == 0:
		return Found("not limited for root")
	case err != nil:
		return Warning(api.ProbeFailed, "%s", api.Reason(err))
	case n < lockedBytes:
		return Warning(api.LockedMemory, "at most %d KiB; io_uring's buffers want %d KiB", n>>10, lockedBytes>>10)
	case n == ^uint64(0):
		return Found("not limited")
	}
	return Found("at most %d KiB", n>>10)
}

// memlock is RLIMIT_MEMLOCK, which package syscall does not name.
const memlock = 8

// tool looks for a program that the Debian package brings.
func (m Machine) tool(name, pkg string) func(context.Context) Finding {
	return func(context.Context) Finding {
		path, err := m.LookPath(name)
		if err != nil {
			return Warning(api.ToolMissing, "%s is not in PATH", name).WithFix("apt-get install -y " + pkg)
		}
		return Found("%s", path)
	}
}
