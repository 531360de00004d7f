package doctor

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Machine is what the checks see of the machine. Tests fill it with a machine
// that is broken in the way they want.
type Machine struct {
	// Root is put before every path that is read: "/" for the real one.
	Root string
	// UID is the user's; 0 needs no user namespace.
	UID int
	// Groups are the user's.
	Groups []int
	// Kernel is the release, as uname -r prints it.
	Kernel string
	// Open opens a device for reading and writing and closes it again.
	Open func(path string) error
	// LookPath finds a program.
	LookPath func(name string) (string, error)
	// Limit returns the hard limit of a resource (syscall.RLIMIT_*).
	Limit func(resource int) (uint64, error)
	// Namespaces makes the namespaces that a container needs, and lets them go.
	Namespaces func() error
}

// Host returns the machine that the program runs on. To prove that namespaces
// can be made, the program runs itself in new ones with argv (its name first):
// that must end at once with success and need nothing.
func Host(argv ...string) Machine {
	return Machine{
		Root:       "/",
		UID:        os.Getuid(),
		Groups:     groups(),
		Kernel:     kernelRelease(),
		Open:       openDevice,
		LookPath:   exec.LookPath,
		Limit:      hardLimit,
		Namespaces: func() error { return tryNamespaces(os.Getuid(), os.Getgid(), argv) },
	}
}

// groups are those that the kernel asks for when a ping socket is opened.
func groups() []int {
	all, err := os.Getgroups()
	if err != nil {
		all = nil
	}
	return append(all, os.Getegid())
}

// kernelRelease is what uname says; empty when it says nothing.
func kernelRelease() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

// openDevice opens without becoming the device's owner or waiting for it.
func openDevice(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return syscall.Close(fd)
}

// hardLimit returns the value up to which a process may raise a limit itself.
func hardLimit(resource int) (uint64, error) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(resource, &r); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	return r.Max, nil
}

// tryNamespaces starts this program in a new network namespace; for an ordinary
// user, in a new user namespace that owns it. Making the second in the first is what
// AppArmor refuses where it takes the rights out of a user namespace.
func tryNamespaces(uid, gid int, argv []string) error {
	runtime.LockOSThread() // the death signal is tied to the thread that starts it
	defer runtime.UnlockOSThread()
	cmd := exec.Cmd{Path: "/proc/self/exe", Args: argv}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return cmd.Run()
}

// sysctl reads a whole number below /proc/sys; ok is false where the kernel
// does not have it.
func (m Machine) sysctl(name string) (value int64, ok bool) {
	b, err := os.ReadFile(filepath.Join(m.Root, "proc/sys", name))
	if err != nil {
		return 0, false
	}
	value, err = strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return value, err == nil
}

// Owner describes a file's mode and owner: "mode 0600 root:root".
func (m Machine) Owner(path string) string {
	info, err := os.Stat(filepath.Join(m.Root, path))
	if err != nil {
		return "mode unknown"
	}
	text := fmt.Sprintf("mode %04o", info.Mode().Perm())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		text += " " + userName(st.Uid) + ":" + groupName(st.Gid)
	}
	return text
}

// userName and groupName return a name, or the number where there is none.
func userName(uid uint32) string {
	id := strconv.Itoa(int(uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.Itoa(int(gid))
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// version reads major and minor out of a kernel release.
func version(release string) (major, minor int, ok bool) {
	head, rest, _ := strings.Cut(release, ".")
	tail := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if tail >= 0 {
		rest = rest[:tail]
	}
	major, err1 := strconv.Atoi(head)
	minor, err2 := strconv.Atoi(rest)
	return major, minor, err1 == nil && err2 == nil
}
