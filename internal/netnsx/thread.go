package netnsx

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// PanicError is a panic of a function given to OnThread or Do, as an error.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the panic's value and stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("netnsx: panic on a namespace thread: %v\n%s", e.Value, e.Stack)
}

var errGoexit = errors.New("netnsx: the function ended its goroutine instead of returning")

// OnThread runs fn on an OS thread of its own and waits for it. The thread ends
// with fn, so fn may change whatever a thread has for itself: namespaces, working
// directory, umask, signal mask. It is never the main thread, by whose state
// /proc/self speaks for the whole process.
//
// Goroutines that fn starts run on other threads and share nothing of this. A
// program that fn starts inherits the thread's state. A panic in fn comes back
// as a *PanicError.
func OnThread(fn func() error) error {
	done := make(chan error, 1)
	go onThread(fn, done, nil)
	return <-done
}

// onThread locks its goroutine for good. The main thread cannot be ended by the
// runtime, so there it holds the thread until another goroutine has got another.
func onThread(fn func() error, done chan<- error, locked chan<- struct{}) {
	runtime.LockOSThread()
	if locked != nil {
		close(locked)
	}
	if unix.Gettid() != unix.Getpid() {
		call(fn, done)
		return
	}
	other := make(chan struct{})
	go onThread(fn, done, other)
	<-other
	runtime.UnlockOSThread()
}

// call sends what fn returns, also when fn does not return.
func call(fn func() error, done chan<- error) {
	err := errGoexit
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
		done <- err
	}()
	err = fn()
}
