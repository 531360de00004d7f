package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// kinds are the kinds of namespaces that a sandbox has.
var kinds = [...]Kind{Net, Mount, UTS}

// Files returns descriptors of the namespaces, which are the caller's to close. As
// long as one is open its namespace stays. net is nil with Config.HostNet.
func (s *Sandbox) Files() (net, mnt, uts *os.File, err error) {
	var out [3]*os.File
	for i, k := range kinds {
		if k == Net && s.hostNet {
			continue
		}
		if out[i], err = s.dup(k); err != nil {
			for _, f := range out[:i] {
				_ = f.Close() // nil where there is none
			}
			return nil, nil, nil, fmt.Errorf("sandbox: copy the %s namespace's descriptor of %s: %w", k, s.name, err)
		}
	}
	return out[0], out[1], out[2], nil
}

func (s *Sandbox) dup(k Kind) (f *os.File, err error) {
	err = s.control(k, func(fd int) error {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			f = os.NewFile(uintptr(fd), string(k))
		}
		return err
	})
	return f, err
}

// control calls fn with the descriptor of one of the namespaces.
func (s *Sandbox) control(k Kind, fn func(fd int) error) error {
	switch k {
	case Net:
		if err := s.net.Control(fn); !errors.Is(err, netnsx.ErrClosed) {
			return err
		}
		return ErrClosed
	case Mount:
		return withFD(s.mnt, fn)
	default:
		return withFD(s.uts, fn)
	}
}

// FromFiles opens the sandbox whose Files these are, which another process may have
// made. It is the same sandbox: Close ends its processes, whoever started them. A
// nil net stands for this process's own network namespace. It takes the descriptors
// over, also when it fails.
func FromFiles(name string, net, mnt, uts *os.File) (*Sandbox, error) {
	s := &Sandbox{name: name, hostNet: net == nil, mnt: mnt, uts: uts, procs: map[*Process]struct{}{}}
	err := errors.Join(checkKind(mnt, Mount), checkKind(uts, UTS))
	if err == nil {
		s.net, err = netFrom(net)
	}
	if net != nil {
		err = errors.Join(err, net.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: open %s: %w", name, err), s.release())
	}
	return s, nil
}

// netFrom opens the namespace of a descriptor once more.
func netFrom(f *os.File) (ns *netnsx.NS, err error) {
	if f == nil {
		return netnsx.Current()
	}
	err = withFD(f, func(fd int) (err error) {
		ns, err = netnsx.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
		return err
	})
	return ns, err
}

func checkKind(f *os.File, k Kind) error {
	kind := 0
	err := withFD(f, func(fd int) (err error) {
		kind, err = unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
		return err
	})
	if err != nil || kind != k.cloneFlag() {
		return fmt.Errorf("this is not a %s namespace", k)
	}
	return nil
}
