package echo

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Way is how echo requests leave the host.
type Way uint8

const (
	// None: the host lets this user send none.
	None Way = iota
	// Ping: by ping sockets, which net.ipv4.ping_group_range allows to groups of users.
	Ping
	// Raw: by raw sockets, which need CAP_NET_RAW over the host's network namespace.
	Raw
)

// String returns "ping socket", "raw socket" or "none".
func (w Way) String() string {
	switch w {
	case Ping:
		return "ping socket"
	case Raw:
		return "raw socket"
	}
	return "none"
}

// Remedy is what lets every user have ping sockets, of IPv4 and IPv6; root types it.
const Remedy = `sysctl -w net.ipv4.ping_group_range="0 2147483647"`

// ErrNone is that a host lets this user have no socket for echo requests.
var ErrNone = errors.New("no socket for echo requests is allowed to this user")

// Probe tries which way is open to the caller, in the network namespace that it is in.
// With None it returns an error that wraps ErrNone where Remedy helps. Any goroutine may
// call it.
func Probe() (Way, error) { return probe(unix.Socket, false) }

// opener is unix.Socket, or what a test has in its place.
type opener func(family, typ, proto int) (fd int, err error)

// probe tries the ways for IPv6 or IPv4 by opening a socket.
func probe(open opener, v6 bool) (Way, error) {
	var refused error
	for _, w := range []Way{Ping, Raw} {
		fd, err := w.socket(open, v6)
		if err == nil {
			unix.Close(fd)
			return w, nil
		}
		if !forbidden(err) {
			return None, fmt.Errorf("echo: open a %v: %w", w, err)
		}
		refused = errors.Join(refused, fmt.Errorf("open a %v: %w", w, err))
	}
	return None, fmt.Errorf("echo: %w: %w", ErrNone, refused)
}

// forbidden reports whether it is a matter of rights that there is no socket. A kernel
// without ping sockets (of IPv6, before Linux 3.11) says that it does not know the
// protocol.
func forbidden(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EPROTONOSUPPORT)
}

// socket opens a socket, non-blocking and closed by exec.
func (w Way) socket(open opener, v6 bool) (fd int, err error) {
	family, proto, typ := unix.AF_INET, unix.IPPROTO_ICMP, unix.SOCK_DGRAM
	if v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	if w == Raw {
		typ = unix.SOCK_RAW
	}
	return open(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
}

// retry is how often a host that forbade it is asked again, in nanoseconds: somebody
// may have used Remedy.
const retry = 60 * second

// path is what is known of the way out of a family.
type path struct {
	way   Way
	asked bool
	again int64 // when to ask again; of None only
}

// way returns the way out of a family.
func (s *Shard) way(v6 bool) Way {
	p := &s.paths[index(v6)]
	if !p.asked || p.way == None && s.now >= p.again {
		way, _ := probe(s.socket, v6)
		*p = path{way: way, asked: true, again: s.now + retry}
	}
	return p.way
}

// Way returns how echo requests of IPv6 or IPv4 leave now, as far as this is known.
func (s *Shard) Way(v6 bool) Way { return s.paths[index(v6)].way }

func index(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}
