package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The functions of this file run on a thread that is in the sandbox's private
// mount namespace: what they mount is seen there and nowhere else.

// label is the source of our mounts, by which they are known again.
const label = "vswitch-etc"

// ErrNoTarget: the machine cannot lay an overlay over /etc, and one of the files to
// bind mount over is missing.
var ErrNoTarget = errors.New("the file does not exist on the host, so nothing can be mounted over it")

// ErrFilesGone: the sandbox's own files are not mounted any more, because the host
// has replaced its own below them or a program inside has unmounted them.
var ErrFilesGone = errors.New("the sandbox's own file is not mounted any more")

// etcFiles are the files that a sandbox has of its own, by name below /etc.
type etcFiles map[string]string

// installEtc puts the files in place, by an overlay where that is possible.
func installEtc(files etcFiles) error {
	overlay := overlayEtc(files)
	if overlay == nil {
		return nil
	}
	if err := bindEtc(files); err != nil {
		return errors.Join(err, overlay)
	}
	return nil
}

// overlayEtc lays an overlay over /etc whose upper layer has the files. What is
// written below /etc from inside stays in memory, too.
func overlayEtc(files etcFiles) error {
	return withTmpfs(func(dir string) error {
		upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
		for _, d := range []string{upper, work} {
			if err := os.Mkdir(d, 0o755); err != nil {
				return fmt.Errorf("sandbox: overlay over /etc: %w", err)
			}
		}
		if err := files.write(upper); err != nil {
			return err
		}
		data := "lowerdir=/etc,upperdir=" + upper + ",workdir=" + work
		// Without root an overlay needs userxattr, which is as old as overlays
		// without root are: Linux 5.11. Before that only root comes here.
		err := unix.Mount(label, "/etc", "overlay", 0, data+",userxattr")
		if errors.Is(err, unix.EINVAL) {
			err = unix.Mount(label, "/etc", "overlay", 0, data)
		}
		if err != nil {
			return fmt.Errorf("sandbox: overlay over /etc: %w", err)
		}
		return nil
	})
}

// bindEtc mounts each file over the host's. Where the host has a symbolic link,
// its target is mounted over.
func bindEtc(files etcFiles) error {
	targets := map[string]int{}
	defer func() {
		for _, fd := range targets {
			unix.Close(fd)
		}
	}()
	// Before the tmpfs is mounted: it may hide what a link leads to.
	for name := range files {
		fd, err := unix.Open("/etc/"+name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			err = ErrNoTarget
		}
		if err != nil {
			return fmt.Errorf("sandbox: mount over /etc/%s: %w", name, err)
		}
		targets[name] = fd
	}
	return withTmpfs(func(dir string) error {
		if err := files.write(dir); err != nil {
			return err
		}
		for name, fd := range targets {
			if err := unix.Mount(filepath.Join(dir, name), threadFD(fd), "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("sandbox: mount over /etc/%s: %w", name, err)
			}
		}
		return nil
	})
}

func (files etcFiles) write(dir string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("sandbox: write %s: %w", name, err)
		}
		// The umask may have taken away what everybody needs.
		if err := os.Chmod(path, 0o644); err != nil {
			return fmt.Errorf("sandbox: write %s: %w", name, err)
		}
	}
	return nil
}

// withTmpfs calls fn with a directory in memory. It is mounted over some directory
// that every system has and is taken away again at the end; what fn has mounted
// from it elsewhere stays.
func withTmpfs(fn func(dir string) error) error {
	var errs error
	for _, dir := range []string{"/tmp", "/run", "/mnt", "/var"} {
		err := unix.Mount(label, dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=16m")
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("sandbox: mount a tmpfs on %s: %w", dir, err))
			continue
		}
		err = fn(dir)
		if gone := unix.Unmount(dir, unix.MNT_DETACH); gone != nil {
			err = errors.Join(err, fmt.Errorf("sandbox: detach the tmpfs from %s: %w", dir, gone))
		}
		return err
	}
	return errs
}

// rewriteEtc gives one of the files other contents. It never touches a file of the
// host's.
func rewriteEtc(name, text string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	err = ErrFilesGone
	for _, m := range all {
		switch {
		case m.Source == label && m.Type == "overlay" && m.Point == "/etc":
			err = replaceFile("/etc", name, text)
		case m.Source == label && m.Type == "tmpfs" && m.Root == "/"+name:
			err = overwriteFile(m.Point, text)
		}
	}
	if err != nil {
		return fmt.Errorf("sandbox: rewrite /etc/%s: %w", name, err)
	}
	return nil
}

// replaceFile is atomic: a reader sees the old file or the new one.
func replaceFile(dir, name, text string) error {
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// overwriteFile keeps the file, which is a mount point, and puts the new text over
// the old before it cuts off the rest, so that the file is never empty.
func overwriteFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Truncate(int64(len(text))), f.Close())
}

// threadFD is a path to a descriptor's file, for calls that take paths only.
func threadFD(fd int) string { return fmt.Sprintf("/proc/thread-self/fd/%d", fd) }
