package portfwd

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What is wrong with a request.
var (
	// ErrSpec: the range runs backwards, or the address has a zone.
	ErrSpec = errors.New("not a port that can be published")
	// ErrProtocol: Docker's grammar knows sctp, the sockets of a host without the
	// kernel's module do not.
	ErrProtocol = errors.New("published sctp ports need an uplink that carries packets")
	// ErrPort: 0 names no port here, neither the container's nor the first of a range.
	ErrPort = errors.New("port 0 cannot be published")
	// ErrFamily: the host's address is IPv4 and the container has only IPv6, or the
	// container has no address at all.
	ErrFamily = errors.New("the container has no address of this family")
	// ErrDial: splice mode was asked for without a way into the container.
	ErrDial = errors.New("splice mode needs a dialer")
	// ErrNotPublished: there is nothing to unpublish.
	ErrNotPublished = errors.New("port is not published")
)

// Why a host port is not to be had. Errors that wrap these are of type *BindError.
var (
	// ErrInUse: another container has the port, or another program.
	ErrInUse = errors.New("port is already allocated")
	// ErrPrivileged: the port is lower than an ordinary user may bind.
	ErrPrivileged = errors.New("port is below net.ipv4.ip_unprivileged_port_start")
	// ErrAddress: the host does not have the address, for now at least.
	ErrAddress = errors.New("not an address of this host")
	// ErrFiles: the process, or the machine, has no descriptor left.
	ErrFiles = errors.New("too many open files")
	// ErrExhausted: every port of the range is taken.
	ErrExhausted = errors.New("all ports are allocated")
)

// A BindError is a host port that could not be had. Its sentence is Docker's.
type BindError struct {
	Proto string
	Host  netip.AddrPort
	// Owner is who of ours holds the port; empty when it is another program, or when
	// that is not the reason.
	Owner string
	// Err is the cause. It wraps the kernel's error, if that is where it is from.
	Err error
}

// Error returns the address and the cause.
func (e *BindError) Error() string { return fmt.Sprintf("Bind for %v failed: %v", e.Host, e.Err) }

// Unwrap returns the cause.
func (e *BindError) Unwrap() error { return e.Err }

// bindCause joins the kernel's error with what it means for a published port.
func bindCause(err error) error {
	for errno, means := range map[unix.Errno]error{
		unix.EADDRINUSE: ErrInUse, unix.EACCES: ErrPrivileged,
		unix.EADDRNOTAVAIL: ErrAddress, unix.EAFNOSUPPORT: ErrAddress, unix.EINVAL: ErrAddress,
		unix.EMFILE: ErrFiles, unix.ENFILE: ErrFiles,
	} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w (%w)", means, err)
		}
	}
	return err
}
