package netnsx

import (
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Handle is a netlink socket bound to one namespace. It works from every
// goroutine, wherever its thread is, and several may use it at once. It does not
// keep the namespace's NS open, but its socket keeps the namespace alive: close
// it. Every method fails with an *Error that names the operation and its object.
type Handle struct {
	mu sync.RWMutex
	// h is nil once closed. It must not be used then: without its socket the
	// library would fall back to one in the caller's namespace, the host's.
	h *netlink.Handle
	// raw is a second socket, for requests that the library has no call for.
	raw map[int]*nl.SocketHandle
}

// Netlink opens a handle on the namespace.
func (n *NS) Netlink() (*Handle, error) {
	var h *Handle
	err := n.Do(func() (err error) {
		h, err = newHandle()
		return wrap("open a netlink socket", "", err)
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// newHandle opens both sockets in the calling thread's namespace.
func newHandle() (*Handle, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		h.Close()
		return nil, err
	}
	return &Handle{h: h, raw: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}, nil
}

// Close closes the sockets, after the requests under way. A second Close does
// nothing.
func (h *Handle) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.h == nil {
		return
	}
	h.h.Close()
	for _, s := range h.raw {
		s.Close()
	}
	h.h, h.raw = nil, nil
}

// do runs one request, again when it was interrupted, and names its failure.
func (h *Handle) do(op, object string, request func(*netlink.Handle) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.h == nil {
		return wrap(op, object, ErrClosed)
	}
	return wrap(op, object, retry(func() error { return request(h.h) }))
}

// onLink runs one request on the link of that name.
func (h *Handle) onLink(op, name string, request func(*netlink.Handle, netlink.Link) error) error {
	return h.do(op, name, func(nh *netlink.Handle) error {
		l, err := nh.LinkByName(name)
		if err != nil {
			return err
		}
		return request(nh, l)
	})
}
