package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Two stores never have one directory, in one process or in two.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, _, err := Open(dir, Options{})
	if e, ok := errors.AsType[*LockedError](err); !ok || e.PID != os.Getpid() || !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	must(t, s.Close())
	open(t, dir, Options{})
}

// The lock of a process that was killed is free.
func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "hold", dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	_, err = cmd.StdinPipe() // nothing comes
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "open\n" {
		t.Errorf("the child says %q, %v", line, err)
	}
	_, _, err = Open(dir, Options{})
	if e, ok := errors.AsType[*LockedError](err); !ok || e.PID != cmd.Process.Pid {
		t.Errorf("got %v, want process %d", err, cmd.Process.Pid)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	open(t, dir, Options{})
}

// childHold has the directory until it is killed.
func childHold(dir string) error {
	if _, _, err := Open(dir, Options{}); err != nil {
		return err
	}
	fmt.Println("open")
	_, err := os.Stdin.Read(make([]byte, 1))
	return err
}

// Who opened the lock file just before its removal does not take that for the lock.
func TestLockFileRemoved(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	must(t, os.Remove(filepath.Join(dir, lockName)))
	if current, err := tryLock(root, f, lockName); current || err != nil {
		t.Errorf("got %v, %v for a file that is gone", current, err)
	}
}

// A lock file with anything in it names no process.
func TestHolder(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]int{"": 0, "x": 0, "12\n": 12, "7": 7} {
		path := filepath.Join(dir, "lock")
		must(t, os.WriteFile(path, []byte(content), 0o600))
		f, err := os.Open(path)
		must(t, err)
		if got := holder(f); got != want {
			t.Errorf("%q: %d, want %d", content, got, want)
		}
		must(t, f.Close())
	}
}
