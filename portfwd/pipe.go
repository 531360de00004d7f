package portfwd

import "golang.org/x/sys/unix"

const (
	// pipeSize asks for 256 pages. Pages of a socket are moved, not copied, and on a
	// fast path one entry of the pipe holds up to 32 KiB.
	pipeSize = 1 << 20
	// chunk is the most that one call moves: more would leave the cache before the
	// other side has it.
	chunk = 1 << 19
	// sparePipes are kept for the next bytes. Only connections with bytes under way
	// have a pipe.
	sparePipes = 32
)

// pipe is where bytes are between two sockets. It is empty while nobody has it.
type pipe struct{ r, w int }

// pipes are the spare pipes of one thread.
type pipes struct{ spare []pipe }

// get returns an empty pipe. For users with many pipes the kernel makes small ones
// (fs.pipe-user-pages-soft), which only are slower.
func (p *pipes) get() (pipe, error) {
	if n := len(p.spare); n > 0 {
		got := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return got, nil
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return pipe{}, err
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	return pipe{r: fds[0], w: fds[1]}, nil
}

// put takes back an empty pipe.
func (p *pipes) put(x pipe) {
	if len(p.spare) == sparePipes {
		x.close()
		return
	}
	p.spare = append(p.spare, x)
}

func (x pipe) close() {
	_ = unix.Close(x.r)
	_ = unix.Close(x.w)
}

func (p *pipes) close() {
	for _, x := range p.spare {
		x.close()
	}
	p.spare = nil
}

// move moves up to n bytes between a socket and a pipe. It never blocks, so the
// scheduler is not told.
func move(from, to, n int) (int, error) {
	for {
		r, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
			unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
