package sandbox

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// forwarder passes on the signals that this process gets while it only waits for
// another.
//
// The keys of a terminal signal every process of the foreground group. When the
// other process shares the terminal it must share the group too, or it could not
// read; then it has had its Ctrl-C already and would take a second one for
// impatience. So, while our group is the terminal's foreground, SIGINT and SIGQUIT
// are taken to come from the keyboard and are not passed on. (Somebody who means
// just this process then sends SIGTERM.) Without a terminal the other process has a
// group of its own and everything is passed on, once.
type forwarder struct {
	in     chan os.Signal
	target chan *os.Process
	done   chan struct{}
	shared bool
}

// startForwarder begins to hold back signals; those that come before to are passed
// on then.
func startForwarder(shared bool) *forwarder {
	f := &forwarder{
		in: make(chan os.Signal, 16), target: make(chan *os.Process, 1),
		done: make(chan struct{}), shared: shared,
	}
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2} {
		// What was ignored when we were started, by nohup or for a background job,
		// stays ignored, here and there.
		if !signal.Ignored(s) {
			signal.Notify(f.in, s)
		}
	}
	go f.loop()
	return f
}

// to names the process that gets the signals. Call it once.
func (f *forwarder) to(p *os.Process) { f.target <- p }

// stop ends the forwarding and restores what signals do.
func (f *forwarder) stop() {
	signal.Stop(f.in)
	close(f.in)
	close(f.target)
	<-f.done
}

func (f *forwarder) loop() {
	defer close(f.done)
	p, ok := <-f.target
	if !ok {
		return
	}
	for s := range f.in {
		if f.shared && (s == unix.SIGINT || s == unix.SIGQUIT) && inForeground() {
			continue
		}
		// The process may have ended: then there is nothing left to tell it.
		_ = p.Signal(s)
	}
}

// inForeground reports whether our process group is the one that the keys of the
// controlling terminal signal.
func inForeground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func anyTerminal(files []*os.File) bool {
	for _, f := range files {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return true
		}
	}
	return false
}
