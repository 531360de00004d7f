package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// Cmd is a program to run in a sandbox.
type Cmd struct {
	// Args is the command line with the program first, which is looked up in the
	// PATH of Env when its name has no slash.
	Args []string
	// Env is the environment; nil means this process's own.
	Env []string
	// Dir is the working directory inside; the default is the root.
	Dir string
	// Stdin, Stdout and Stderr are as in exec.Cmd: an *os.File is handed to the
	// program, anything else is copied through a pipe until the program ends (and
	// for two seconds more, when what it has started holds the pipe); nil is
	// /dev/null.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Tty makes Stdin, which must be an *os.File of a terminal, the program's
	// controlling terminal: its keys send signals, and its end a SIGHUP.
	Tty bool
}

// pipeGrace is how long output is still copied after the program has ended, when
// something that it started holds its pipes open.
const pipeGrace = 2 * time.Second

// defaultPath is used when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Command starts a program in all namespaces of the sandbox, in a session and
// process group of its own. When ctx ends, the whole group is killed. When this
// process dies, the program is killed.
//
// The error wraps exec.ErrNotFound when there is no such program and
// fs.ErrPermission when it may not be executed.
func (s *Sandbox) Command(ctx context.Context, c Cmd) (*Process, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("sandbox: run a program: no command line")
	}
	p := newProcess(s)
	if err := s.register(p); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		// The program's death signal is tied to the thread that starts it: the
		// thread stays until the program has ended.
		err := netnsx.OnThread(func() error { return p.run(ctx, c, started) })
		s.forget(p)
		if err != nil {
			started <- err
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("sandbox: run %q in %s: %w", c.Args[0], s.name, err)
	}
	return p, nil
}

// run starts the program, says so, and waits for its end.
func (p *Process) run(ctx context.Context, c Cmd, started chan<- error) error {
	if err := p.box.enter(); err != nil {
		return err
	}
	cmd, err := c.prepare()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.begin(cmd)
	defer context.AfterFunc(ctx, p.Kill)()
	started <- nil
	p.end()
	return nil
}

// prepare runs inside, where names of files mean what they will mean to the
// program.
func (c Cmd) prepare() (*exec.Cmd, error) {
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	path, err := lookPath(c.Args[0], c.Dir, pathOf(c.Env))
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{
		Path: path, Args: c.Args, Env: c.Env, Dir: c.Dir,
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: c.Tty, Pdeathsig: unix.SIGKILL},
		WaitDelay:   pipeGrace,
	}, nil
}

// LookPath finds a program as Command would, with this process's own PATH.
func (s *Sandbox) LookPath(file string) (string, error) {
	var path string
	err := s.Do(func() (err error) {
		path, err = lookPath(file, "/", pathOf(os.Environ()))
		return err
	})
	return path, err
}

// pathOf returns the directories of the last PATH in an environment.
func pathOf(env []string) string {
	path := ""
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	if path == "" {
		return defaultPath
	}
	return path
}

// lookPath looks in the absolute directories of path. A name with a slash is
// relative to dir.
func lookPath(file, dir, path string) (string, error) {
	if strings.Contains(file, "/") {
		full := file
		if !filepath.IsAbs(file) {
			full = filepath.Join(dir, file)
		}
		_, err := executable(full)
		return file, wrapLook(file, err)
	}
	missing := exec.ErrNotFound
	for _, d := range filepath.SplitList(path) {
		if !filepath.IsAbs(d) {
			continue
		}
		full := filepath.Join(d, file)
		exists, err := executable(full)
		if err == nil {
			return full, nil
		}
		if exists {
			missing = err
		}
	}
	return "", wrapLook(file, missing)
}

func wrapLook(file string, err error) error {
	if err == nil {
		return nil
	}
	return &exec.Error{Name: file, Err: err}
}

// executable checks what execve would, and says whether there is such a file: in a
// directory that may not be searched there is none that anybody knows of.
func executable(path string) (exists bool, err error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return false, exec.ErrNotFound
	case err != nil:
		return false, err
	case st.IsDir():
		return false, fmt.Errorf("%s is a directory: %w", path, fs.ErrPermission)
	}
	return true, unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}
