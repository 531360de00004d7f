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
	// Hostname is what uname(2) and /etc/hostname say; the default is Name.
	Hostname string
	// Hosts follow the loopback names in /etc/hosts.
	Hosts []Host
	// Resolv is /etc/resolv.conf. The zero value is an empty file: no name servers.
	Resolv Resolv
}

// Sandbox is a container's namespaces. Its methods may be called from any
// goroutine, also at once. It must be closed.
type Sandbox struct {
	name     string
	net      *netnsx.NS
	mnt, uts *os.File
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
// Reexec before.
func Create(c Config) (*Sandbox, error) {
	if c.Hostname == "" {
		c.Hostname = c.Name
	}
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	ns, err := netnsx.New()
	if err != nil {
		if errno, ok := errors.AsType[unix.Errno](err); ok {
			err = refused(Net, errno)
		}
		return nil, err
	}
	s := &Sandbox{name: c.Name, net: ns, procs: map[*Process]struct{}{}}
	if err := ns.Do(func() error { return s.make(c.Hostname, files) }); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// files renders and checks what the sandbox has below /etc.
func (c Config) files() (etcFiles, error) {
	if err := checkHostname(c.Hostname); err != nil {
		return nil, err
	}
	hosts, err := hostsText(c.Hosts)
	if err != nil {
		return nil, err
	}
	resolv, err := c.Resolv.text()
	if err != nil {
		return nil, err
	}
	return etcFiles{"hosts": hosts, "resolv.conf": resolv, "hostname": c.Hostname + "\n"}, nil
}

// make runs on a thread that is in the network namespace and ends afterwards.
func (s *Sandbox) make(hostname string, files etcFiles) (err error) {
	if err := enterNew(hostname, files); err != nil {
		return err
	}
	s.sysfs = mountSys()
	if s.mnt, err = openCurrent(Mount); err != nil {
		return err
	}
	s.uts, err = openCurrent(UTS)
	return err
}

// Name returns the name given in Config.
func (s *Sandbox) Name() string { return s.name }

// NetNS returns the network namespace. It is the sandbox's own: do not close it.
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
	if err := s.net.Enter(); err != nil {
		if errors.Is(err, netnsx.ErrClosed) {
			return ErrClosed
		}
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
	err := s.net.Close()
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
