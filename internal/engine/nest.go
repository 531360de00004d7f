package engine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// nest is the epoll set that the io_uring loop keeps the descriptors of sources in.
// The set as a whole is polled on the ring, by one multishot poll: so a descriptor
// costs nothing that the ring has to hold, and one completion stands for many events.
//
// No edge is missed. The kernel first puts a descriptor on the list of the set and
// then wakes the poll, each time, and the poll answers with a completion unless the
// list is empty again, which only a look of ours can have made it. So whatever is on
// the list has a completion that is not reaped yet, or comes, or was reaped with ripe
// set. A look is made after ripe was set, takes all that the list has but for more
// than the buffer holds, or fails; both leave ripe set. A poll that ended is made
// again, and looks at the list when it begins.
type nest struct {
	epfd   int // -1: there was no source yet
	events []unix.EpollEvent
	ripe   bool // a look may find something
	ended  bool // the poll has to be made again
}

// watchSet makes the nested set when it is first needed.
func (l *uringLoop) watchSet() (int, error) {
	if l.nest.epfd >= 0 {
		return l.nest.epfd, nil
	}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("make an epoll set: %w", err)
	}
	l.nest = nest{epfd: epfd, events: make([]unix.EpollEvent, eventsPerLook)}
	l.armPoll(epfd, kindNest)
	return epfd, nil
}

// nestReady notes a completion of the poll; the set is looked at when ports have had
// their turn.
func (l *uringLoop) nestReady(c *cqe) {
	l.nest.ripe, l.w.sources.due = true, true
	l.nest.ended = c.flags&cqeMore == 0
}

// tell gives the sources their turn, with what one look finds.
func (l *uringLoop) tell() {
	s := &l.w.sources
	if l.nest.ripe {
		n, errno := look(l.nest.epfd, l.nest.events)
		l.nest.ripe = n == len(l.nest.events) || errno != 0
		s.gather(l.nest.events[:n])
	}
	if l.nest.ended {
		l.nest.ended = false
		l.armPoll(l.nest.epfd, kindNest)
	}
	s.tell()
	s.due = s.due || l.nest.ripe
}

func (n *nest) close() error {
	if n.epfd < 0 {
		return nil
	}
	return unix.Close(n.epfd)
}
