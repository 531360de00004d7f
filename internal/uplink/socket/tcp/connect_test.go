package tcp

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// What a peer says with the handshake comes with the event that ends the connect, and no
// further edge tells of it.
func TestPeerSpeaksFirst(t *testing.T) {
	r := newRig(t)
	pending(r)
	e := r.end(4000)
	e.say(syn, nil)
	c := r.arrived(e)
	c.Write([]byte("banner"))
	c.CloseWrite()
	fd := r0(e).fd
	unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLRDHUP}}, 1000)
	r.Outside(func() { r.s.Ready(r.Worker, r0(e).watchKey(0), unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP) })
	e.want(syn | ack)
	e.say(ack, nil)
	e.want(fin | ack)
	same(t, e.got, []byte("banner"))
}

// arrived puts a socket that is connected in the place of one that pending made, which
// is then not watched. It returns the peer's.
func (r *rig) arrived(e *end) *net.TCPConn {
	r.T.Helper()
	out, err := net.Dial("tcp4", r.listen.Addr().String())
	if err != nil {
		r.T.Fatal(err)
	}
	defer out.Close()
	f, err := out.(*net.TCPConn).File()
	if err != nil {
		r.T.Fatal(err)
	}
	defer f.Close()
	unix.SetNonblock(int(f.Fd()), true)
	if err := unix.Dup3(int(f.Fd()), int(r0(e).fd), unix.O_CLOEXEC); err != nil {
		r.T.Fatal(err)
	}
	return e.accept()
}

// full is a watcher that has no room.
type full struct{ uplink.Watcher }

func (full) Watch(int, uint32, int32) error { return fmt.Errorf("watch: %w", unix.ENOSPC) }

// What cannot be watched is a socket that the host has not got.
func TestWatchFails(t *testing.T) {
	r := newRig(t)
	r.s.cfg.Watch = full{r.Worker}
	if got := r.end(4000).say(syn, nil); got != frame.DropUplinkSockets {
		t.Errorf("%v", got)
	}
	if n := r.s.Counts(); n.Exhausted != 1 || n.Flows != 0 {
		t.Errorf("%+v", n)
	}
}

// A container that asks for the same peer anew, with another first number, has given up
// its first attempt without a word. The new one takes its place.
func TestSynAnew(t *testing.T) {
	r := newRig(t)
	pending(r)
	e := r.end(4000)
	e.say(syn, nil)
	e.seq += 1000
	if got := e.say(syn, nil); got != frame.Consumed {
		t.Error(got)
	}
	if at := r.s.last; r.s.flows[at].rcvNxt != e.seq || r.s.live != 1 {
		t.Errorf("%d connections, the last expects %d, want %d", r.s.live, r.s.flows[at].rcvNxt, e.seq)
	}
}
