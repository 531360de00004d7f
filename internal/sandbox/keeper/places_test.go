package keeper

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	here, err := os.Getwd()
	must(t, err)
	root := os.Getuid() == 0
	tmp := "/tmp/vswitch-" + strconv.Itoa(os.Getuid())
	for name, c := range map[string]struct {
		socket, state string
		env           map[string]string
		want          Dirs
		user          bool // only an ordinary user's
	}{
		"root": {want: Dirs{"/run/vswitch", "/var/lib/vswitch", "/run/vswitch/vswitch.sock"},
			env: map[string]string{"XDG_RUNTIME_DIR": "/x", "XDG_STATE_HOME": "/y"}},
		"user": {user: true, env: map[string]string{"XDG_RUNTIME_DIR": "/x", "XDG_STATE_HOME": "/y"},
			want: Dirs{"/x/vswitch", "/y/vswitch", "/x/vswitch/vswitch.sock"}},
		"user without": {user: true, env: map[string]string{"HOME": "/h"},
			want: Dirs{tmp, "/h/.local/state/vswitch", tmp + "/vswitch.sock"}},
		"relative XDG": {user: true, env: map[string]string{"XDG_RUNTIME_DIR": "x", "XDG_STATE_HOME": "y", "HOME": "/h"},
			want: Dirs{tmp, "/h/.local/state/vswitch", tmp + "/vswitch.sock"}},
		"socket":   {socket: "/a/b.sock", want: Dirs{"/a", "/a/state", "/a/b.sock"}},
		"both":     {socket: "/a/b.sock", state: "/s", want: Dirs{"/a", "/s", "/a/b.sock"}},
		"relative": {socket: "b.sock", state: "s", want: Dirs{here, here + "/s", here + "/b.sock"}},
	} {
		if c.socket == "" && c.user == root {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"} {
				t.Setenv(v, c.env[v])
			}
			if got, err := Places(c.socket, c.state); got != c.want || err != nil {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
	if _, err := Places("/"+strings.Repeat("x", socketMax), ""); err == nil {
		t.Error("a path that is too long was accepted")
	}
}

// Anybody may have made the directory in /tmp.
func TestUnsafeRuntimeDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		make func(path string) error
		want error
	}{
		"own":            {func(path string) error { return os.Mkdir(path, 0o700) }, nil},
		"open to others": {func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o755)) }, fs.ErrPermission},
		"a link":         {func(path string) error { return os.Symlink(t.TempDir(), path) }, fs.ErrPermission},
		"a file":         {func(path string) error { return os.WriteFile(path, nil, 0o700) }, fs.ErrPermission},
		"missing":        {func(string) error { return nil }, fs.ErrNotExist},
	} {
		path := filepath.Join(t.TempDir(), "d")
		must(t, c.make(path))
		if err := private(path); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := private("/proc/1"); os.Getuid() != 0 && !errors.Is(err, fs.ErrPermission) {
		t.Errorf("somebody else's: %v", err)
	}
}
