package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Dirs are the places of one switch.
type Dirs struct {
	// Runtime is the directory of sockets, the lock and the log. Two switches
	// cannot share one.
	Runtime string `json:"runtime"`
	// State is the directory of what survives a boot. The keeper does not use it.
	State string `json:"state"`
	// Socket is where the API listens.
	Socket string `json:"socket"`
}

const (
	socketName = "vswitch.sock"
	// socketMax is the longest path of a unix socket: sun_path less its NUL, see
	// unix(7).
	socketMax = 107
)

// Places works out where a switch has its files. Without a socket they are root's
// (/run/vswitch and /var/lib/vswitch) or those of the calling user (XDG_RUNTIME_DIR
// and XDG_STATE_HOME, else /tmp/vswitch-UID and ~/.local/state). With one its
// directory is Runtime, and State is below it unless it is given. It makes nothing.
//
// Call it before a user namespace is entered, in which everybody is root. The error
// names a directory that is not safe, or a path that is too long.
func Places(socket, stateDir string) (Dirs, error) {
	d := Dirs{Socket: socket, State: stateDir}
	var err error
	if socket == "" {
		d.Socket = filepath.Join(runtimeDir(), socketName)
	}
	if d.Socket, err = filepath.Abs(d.Socket); err != nil {
		return Dirs{}, fmt.Errorf("keeper: find the socket's place: %w", err)
	}
	d.Runtime = filepath.Dir(d.Socket)
	if len(d.Socket) > socketMax || len(d.keeperSocket()) > socketMax {
		return Dirs{}, fmt.Errorf("keeper: the path of a socket in %s is longer than %d bytes", d.Runtime, socketMax)
	}
	if d.State == "" {
		if d.State, err = d.defaultState(socket != ""); err != nil {
			return Dirs{}, err
		}
	}
	if d.State, err = filepath.Abs(d.State); err != nil {
		return Dirs{}, fmt.Errorf("keeper: find the state's place: %w", err)
	}
	if err := d.check(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Dirs{}, err
	}
	return d, nil
}

// tmpDir is where an ordinary user without a runtime directory has his sockets.
func tmpDir() string { return "/tmp/vswitch-" + strconv.Itoa(os.Getuid()) }

func runtimeDir() string {
	if os.Getuid() == 0 {
		return "/run/vswitch"
	}
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "vswitch")
	}
	return tmpDir()
}

func (d Dirs) defaultState(besideSocket bool) (string, error) {
	if besideSocket {
		return filepath.Join(d.Runtime, "state"), nil
	}
	if os.Getuid() == 0 {
		return "/var/lib/vswitch", nil
	}
	if xdg := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "vswitch"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("keeper: find the state's place: %w", err)
	}
	return filepath.Join(home, ".local", "state", "vswitch"), nil
}

// ours reports whether the runtime directory has the name that Places gives it; then
// it goes with the last file in it. Another is its maker's. In a user namespace the
// user's own number is not known, so any will do.
func (d Dirs) ours() bool {
	name := filepath.Base(d.Runtime)
	uid, inTmp := strings.CutPrefix(name, "vswitch-")
	_, err := strconv.Atoi(uid)
	return name == "vswitch" || inTmp && err == nil && filepath.Dir(d.Runtime) == "/tmp"
}

// make makes the runtime directory, if it is missing, for its owner only.
func (d Dirs) make() error {
	if err := os.MkdirAll(filepath.Dir(d.Runtime), 0o755); err != nil {
		return fmt.Errorf("keeper: make the runtime directory: %w", err)
	}
	if err := os.Mkdir(d.Runtime, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keeper: make the runtime directory: %w", err)
	}
	return d.check()
}

// check looks at the directory in /tmp, where anybody may make one of that name.
// Other places are the user's choice.
func (d Dirs) check() error {
	if d.Runtime != tmpDir() {
		return nil
	}
	return private(d.Runtime)
}

// private refuses what is not a directory of the calling user's, closed to others.
func private(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("keeper: look at the runtime directory: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || st.Mode().Perm() != 0o700 || !ok || int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("keeper: %s is not a directory of this user's alone (%s): %w", path, st.Mode(), fs.ErrPermission)
	}
	return nil
}

// Log is the file that the keeper and the switch process write to when they were
// not started in the foreground. The log of the keeper before is beside it, as
// .old.
func (d Dirs) Log() string { return filepath.Join(d.Runtime, "switch.log") }

func (d Dirs) keeperSocket() string { return filepath.Join(d.Runtime, "keeper.sock") }
func (d Dirs) lockFile() string     { return filepath.Join(d.Runtime, "keeper.lock") }
