package sandbox

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// ErrClosed: the sandbox was closed.
var ErrClosed = errors.New("sandbox: already closed")

// Config says what a new sandbox is like.
type Config struct {
	// Name is the container's name, for messages.
	Name string
	// Hostname is what uname(2) and /etc/hostname say; the default is Name, and
	// with HostNet the host's own.
	Hostname string
	// Hosts follow the loopback names in /etc/hosts; with HostNet they follow the
	// host's own lines.
	Hosts []Host
	// Resolv is /etc/resolv.conf. The zero value is an empty file, no name servers,
	// and with HostNet the host's own file.
	Resolv Resolv
	// HostNet leaves the programs in this process's network namespace. They share
	// its devices, addresses and ports; their mounts and host name are their own.
	HostNet bool
}

// Sandbox is a container's namespaces. Its methods may be called from any
// goroutine, also at once. It must be closed.
type Sandbox struct {
	name     string
	net      *netnsx.NS
	mnt, uts *os.File
	// hostNet: net is this process's own, from which its threads start anyway and
	// which an ordinary user's could not enter again.
	hostNet bool
	// sysfs says why /sys is still the host's, nil when it is not.
	sysfs error

	// mu guards what follows and closing.
	mu     sync.Mutex
	procs  map[*Process]struct{}
	closed bool

	close    sync.Once
	closeErr error
	// etc serializes the rewriting of files.
	etc sync.Mutex
}

// Create makes a sandbox: a network namespace with its loopback up and nothing
// else, a private mount namespace, a UTS namespace. The error is a *NamespaceError
// when the machine does not allow it. An ordinary user must have gone through
// Reexec or Start before.
func Create(c Config) (*Sandbox, error) {
	if c.Hostname == "" && !c.HostNet {
		c.Hostname = c.Name
	}
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	s, err := newSandbox(c)
	if err != nil {
		return nil, err
	}
	if err := s.inNet(func() error { return s.make(c.Hostname, files) }); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// newSandbox makes a sandbox that has a network namespace only.
func newSandbox(c Config) (*Sandbox, error) {
	s := &Sandbox{name: c.Name, hostNet: c.HostNet, procs: map[*Process]struct{}{}}
	var err error
	if c.HostNet {
		s.net, err = netnsx.Current()
		return s, err
	}
	s.net, err = netnsx.New()
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		err = refused(Net, errno)
	}
	return s, err
}

// inNet runs fn on a thread of its own in the sandbox's network namespace.
func (s *Sandbox) inNet(fn func() error) error {
	if s.hostNet {
		return netnsx.OnThread(fn)
	}
	return s.net.Do(fn)
}

// files renders and checks what the sandbox has below /etc. What is not among them
// is the host's.
func (c Config) files() (etcFiles, error) {
	files := etcFiles{}
	if c.Hostname != "" || !c.HostNet {
		if err := checkHostname(c.Hostname); err != nil {
			return nil, err
		}
		files["hostname"] = c.Hostname + "\n"
	}
	hosts, err := hostsText(c.Hosts)
	if err != nil {
		return nil, err
	}
	resolv, err := c.Resolv.text()
	if err != nil {
		return nil, err
	}
	if resolv != "" || !c.HostNet {
		files["resolv.conf"] = resolv
	}
	if c.HostNet {
		hosts, err = addToHosts(c.Hosts)
	}
	if len(c.Hosts) > 0 || !c.HostNet {
		files["hosts"] = hosts
	}
	return files, err
}

// make runs on a thread that is in the network namespace and ends afterwards.
func (s *Sandbox) make(hostname string, files etcFiles) (err error) {
	if err := enterNew(hostname, files); err != nil {
		return err
	}
	if !s.hostNet {
		s.sysfs = mountSys()
	}
	if s.mnt, err = openCurrent(Mount); err != nil {
		return err
	}
	s.uts, err = openCurrent(UTS)
	return err
}

// Name returns the name given in Config.
func (s *Sandbox) Name() string { return s.name }

// NetNS returns the network namespace, with HostNet this process's own. It is the
// sandbox's descriptor: do not close it.
func (s *Sandbox) NetNS() *netnsx.NS { return s.net }

// Sysfs says why programs inside see the host's /sys instead of their own; nil when
// they see their own. The machine may forbid it to ordinary users where something is
// mounted over a part of /sys.
func (s *Sandbox) Sysfs() error { return s.sysfs }

// Do runs fn on a thread of its own inside all namespaces of the sandbox, its
// working directory the root. See netnsx.OnThread for what fn may do.
func (s *Sandbox) Do(fn func() error) error {
	return netnsx.OnThread(func() error {
		if err := s.enter(); err != nil {
			return err
		}
		return fn()
	})
}

// enter puts the calling thread into the namespaces, for good.
func (s *Sandbox) enter() error {
	if err := s.enterNet(); err != nil {
		return err
	}
	// A thread that shares its working directory with others may not change its
	// mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("sandbox: enter %s: %w", s.name, err)
	}
	for _, n := range []struct {
		kind Kind
		file *os.File
	}{{UTS, s.uts}, {Mount, s.mnt}} {
		err := withFD(n.file, func(fd int) error { return unix.Setns(fd, n.kind.cloneFlag()) })
		if err != nil {
			return fmt.Errorf("sandbox: enter the %s namespace of %s: %w", n.kind, s.name, err)
		}
	}
	return nil
}

func (s *Sandbox) enterNet() error {
	if s.hostNet {
		return nil // mnt and uts tell whether the sandbox is closed
	}
	if err := s.net.Enter(); !errors.Is(err, netnsx.ErrClosed) {
		return err
	}
	return ErrClosed
}

// SetHosts rewrites /etc/hosts inside; the loopback names stay.
func (s *Sandbox) SetHosts(hosts []Host) error {
	text, err := hostsText(hosts)
	if err != nil {
		return err
	}
	return s.rewrite("hosts", text)
}

// SetResolv rewrites /etc/resolv.conf inside.
func (s *Sandbox) SetResolv(r Resolv) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	return s.rewrite("resolv.conf", text)
}

func (s *Sandbox) rewrite(name, text string) error {
	s.etc.Lock()
	defer s.etc.Unlock()
	return s.Do(func() error { return rewriteEtc(name, text) })
}

// release closes the descriptors that there are.
func (s *Sandbox) release() error {
	var err error
	if s.net != nil {
		err = s.net.Close()
	}
	for _, f := range []*os.File{s.mnt, s.uts} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// withFD calls fn with a descriptor that stays open meanwhile.
func withFD(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return ErrClosed
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return ErrClosed
	}
	return inner
}
