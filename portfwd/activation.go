package portfwd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// ErrInherited: a descriptor that is not a socket to publish a port with.
var ErrInherited = errors.New("cannot publish with this socket")

// Pool holds sockets that somebody with the right to low ports bound before this
// process started. A publication takes one in place of making it and gives it back,
// open, when it ends; what clients send in between waits in the socket. Its methods
// may be called from any goroutine. The zero Pool is empty.
type Pool struct {
	mu   sync.Mutex
	free map[poolKey]int
}

type poolKey struct {
	proto string
	host  netip.AddrPort
}

// Inherited returns the sockets that the service manager passed to this process:
// LISTEN_PID and LISTEN_FDS of sd_listen_fds(3). It clears these variables, so that
// programs that are started do not believe that they are meant. The error is NewPool's.
func Inherited() (*Pool, error) { return NewPool(activation.Files(true)) }

// A SocketError is a descriptor that a pool did not take. It wraps ErrInherited.
type SocketError struct {
	// Name is the file's.
	Name string
	// Err says what is wrong with it.
	Err error
}

// Error returns the name and the cause.
func (e *SocketError) Error() string {
	return fmt.Sprintf("portfwd: %v: %s: %v", ErrInherited, e.Name, e.Err)
}

// Unwrap returns ErrInherited and the cause.
func (e *SocketError) Unwrap() []error { return []error{ErrInherited, e.Err} }

// NewPool takes sockets over: TCP, bound or listening, and bound UDP. A socket bound to
// [::] must not take IPv4, too (BindIPv6Only=ipv6-only): each family of a published
// port is a socket of its own. The files are closed; the pool has descriptors of its
// own. It has all that can be used, also when the error is not nil: that joins a
// *SocketError for each of the others.
func NewPool(files []*os.File) (*Pool, error) {
	p := &Pool{free: map[poolKey]int{}}
	var errs []error
	for _, f := range files {
		if err := p.adopt(f); err != nil {
			errs = append(errs, &SocketError{Name: f.Name(), Err: err})
		}
		_ = f.Close() // p has a duplicate
	}
	return p, errors.Join(errs...)
}

func (p *Pool) adopt(f *os.File) error {
	fd, err := duplicate(f)
	if err != nil {
		return fmt.Errorf("duplicate: %w", err)
	}
	key, err := examine(fd)
	if err == nil {
		err = p.add(key, fd)
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return err
}

func (p *Pool) add(key poolKey, fd int) error {
	if _, twice := p.free[key]; twice {
		return fmt.Errorf("%s %v was passed twice", key.proto, key.host)
	}
	p.free[key] = fd
	return nil
}

// examine finds out what a socket is and makes it what OpenSocket makes.
func examine(fd int) (key poolKey, err error) {
	proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return key, fmt.Errorf("not a socket: %w", err)
	}
	switch proto {
	case unix.IPPROTO_TCP:
		key.proto = TCP
	case unix.IPPROTO_UDP:
		key.proto = UDP
	default:
		return key, fmt.Errorf("neither TCP nor UDP: protocol %d", proto)
	}
	if key.host, err = boundTo(fd); err != nil {
		return key, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return key, fmt.Errorf("set non-blocking: %w", err)
	}
	return key, ready(fd, key.proto, key.host.Addr().Is6())
}

// boundTo returns a socket's address.
func boundTo(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("read its address: %w", err)
	}
	host := addrPortOf(sa)
	only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	switch {
	case host.Port() == 0:
		return host, errors.New("not bound to a port")
	case host.Addr().Is4In6(), host.Addr() == netip.IPv6Unspecified() && (err != nil || only == 0):
		return host, fmt.Errorf("%v takes IPv4, too: set BindIPv6Only=ipv6-only", host)
	}
	return host, nil
}

// take returns the socket bound to host, if there is one.
func (p *Pool) take(proto string, host netip.AddrPort) (fd int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := poolKey{proto, host}
	fd, ok = p.free[key]
	delete(p.free, key)
	return fd, ok
}

func (p *Pool) give(proto string, host netip.AddrPort, fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[poolKey{proto, host}] = fd
}

// Close closes the sockets that no publication has. Publications must be over
// before, or theirs stay open.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for key, fd := range p.free {
		if err := unix.Close(fd); err != nil {
			errs = append(errs, fmt.Errorf("portfwd: close the inherited socket %v: %w", key.host, err))
		}
	}
	clear(p.free)
	return errors.Join(errs...)
}
