package netnsx

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ID tells namespaces apart: two descriptors with equal IDs are the same
// namespace. An ID is used again once its namespace is gone.
type ID struct {
	Dev, Ino uint64
}

// String returns the form that readlink on /proc/PID/ns/net shows.
func (id ID) String() string { return fmt.Sprintf("net:[%d]", id.Ino) }

// NS is a network namespace, kept alive by an open descriptor that programs do
// not inherit. All methods may be called from any goroutine, also at once; after
// Close they fail with ErrClosed.
type NS struct {
	file *os.File
	id   ID
}

// New makes a network namespace without a name, its loopback device up.
func New() (*NS, error) {
	var n *NS
	err := OnThread(func() error {
		h, err := netns.New()
		if err != nil {
			return wrap("make a network namespace", "", err)
		}
		n, err = adopt(int(h), "netns")
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := n.loopbackUp(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Open opens the network namespace at path: /proc/PID/ns/net or a file that a
// namespace is mounted on.
func Open(path string) (*NS, error) {
	h, err := netns.GetFromPath(path)
	if err != nil {
		return nil, wrap("open the network namespace", path, err)
	}
	return adopt(int(h), path)
}

// Current opens the network namespace of the calling thread. In a goroutine that
// is not inside Do that is the process's own.
func Current() (*NS, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h, err := netns.Get()
	if err != nil {
		return nil, wrap("open the current network namespace", "", err)
	}
	return adopt(int(h), "netns")
}

// adopt takes fd over, also when it fails.
func adopt(fd int, path string) (*NS, error) {
	f := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if err == nil {
		var kind int
		kind, err = unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
		if err != nil || kind != unix.CLONE_NEWNET {
			err = ErrNotNetNS
		}
	}
	if err != nil {
		return nil, errors.Join(wrap("open the network namespace", path, err), f.Close())
	}
	return &NS{file: f, id: ID{Dev: st.Dev, Ino: st.Ino}}, nil
}

// ID returns what tells this namespace from others.
func (n *NS) ID() ID { return n.id }

// Equal reports whether both are the same namespace.
func (n *NS) Equal(o *NS) bool { return n.id == o.id }

// Close gives the descriptor back. The namespace ends when nothing else holds it:
// no process, device descriptor or socket. A second Close does nothing.
func (n *NS) Close() error {
	err := n.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return wrap("close the network namespace", "", err)
}

// Control calls fn with the descriptor, which stays open until fn returns.
func (n *NS) Control(fn func(fd int) error) error {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return wrap("use the network namespace", "", ErrClosed)
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return wrap("use the network namespace", "", ErrClosed)
	}
	return inner
}

// Do runs fn on a thread of its own inside the namespace, as OnThread does, and
// returns what fn returns.
func (n *NS) Do(fn func() error) error {
	return OnThread(func() error {
		if err := n.Enter(); err != nil {
			return err
		}
		return fn()
	})
}

// Enter puts the calling thread into the namespace, for good. It is for functions
// that run under OnThread and enter namespaces of other kinds as well; everybody
// else wants Do.
func (n *NS) Enter() error {
	return n.Control(func(fd int) error {
		return wrap("enter the network namespace", "", netns.Set(netns.NsHandle(fd)))
	})
}

func (n *NS) loopbackUp() error {
	h, err := n.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Up("lo")
}
