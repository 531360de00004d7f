package portfwd

import "golang.org/x/sys/unix"

// pump moves the bytes of one direction of a connection: from a socket into a pipe,
// from there into the other socket. While the reader takes nothing the pipe fills,
// the source is read no more and its window closes: the sender waits.
type pump struct {
	src, dst int
	pipe     pipe
	has      bool // a pipe
	n        int  // bytes in it
	blocked  bool // dst takes nothing; it will say when it does
	eof      bool // src has said its last
	done     bool // and dst knows
	queued   bool // to be run again
}

// rounds bounds what one connection moves before the others have their turn.
const rounds = 16

// run moves what can be moved now. After more there may be more at once; otherwise
// an event of one of the sockets comes first.
func (p *pump) run(spare *pipes) (moved int, more bool, err error) {
	if p.done {
		return 0, false, nil
	}
	for range rounds {
		filled, err := p.fill(spare)
		if err != nil {
			return moved, false, err
		}
		n, err := p.drain()
		moved += n
		if err != nil {
			return moved, false, err
		}
		if p.done || !filled && n == 0 {
			p.rest(spare)
			return moved, false, nil
		}
	}
	p.rest(spare)
	return moved, !p.blocked, nil
}

// fill reads from the source, if there is room. EAGAIN beside bytes in the pipe may
// also mean that every entry of the pipe is taken.
func (p *pump) fill(spare *pipes) (filled bool, err error) {
	if p.eof || p.n >= chunk {
		return false, nil
	}
	if !p.has {
		if p.pipe, err = spare.get(); err != nil {
			return false, err
		}
		p.has = true
	}
	n, err := move(p.src, p.pipe.w, chunk-p.n)
	switch err {
	case nil:
		p.n += n
		p.eof = n == 0
		return true, nil
	case unix.EAGAIN:
		return false, nil
	}
	return false, err
}

// drain writes what is in the pipe, and the end after the last byte.
func (p *pump) drain() (moved int, err error) {
	moved, err = p.push()
	if err != nil || !p.eof || p.n > 0 {
		return moved, err
	}
	p.done = true
	if err := unix.Shutdown(p.dst, unix.SHUT_WR); err != unix.ENOTCONN { // it has gone already
		return moved, err
	}
	return moved, nil
}

// push writes what is in the pipe.
func (p *pump) push() (moved int, err error) {
	for p.n > 0 && !p.blocked {
		n, err := move(p.pipe.r, p.dst, p.n)
		if err == unix.EAGAIN {
			p.blocked = true
			break
		}
		if err != nil {
			return moved, err
		}
		p.n -= n
		moved += n
	}
	return moved, nil
}

// flush moves what came before a reset. It does not pass on an end: after a reset a
// socket reads as if it had come to one.
func (p *pump) flush(spare *pipes) (moved int) {
	for range rounds {
		filled, errFill := p.fill(spare)
		n, err := p.push()
		moved += n
		if errFill != nil || err != nil || p.eof || !filled && n == 0 {
			break
		}
	}
	return moved
}

// rest gives an empty pipe back.
func (p *pump) rest(spare *pipes) {
	if p.has && p.n == 0 {
		spare.put(p.pipe)
		p.has = false
	}
}

// discard closes the pipe with what is in it.
func (p *pump) discard() {
	if p.has {
		p.pipe.close()
		p.has = false
	}
}
