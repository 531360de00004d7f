package daemon

import (
	"os"
	"strings"
	"syscall"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// sockets takes over those that were bound for published ports before the switch
// started. One that cannot be used is a finding, and the others are used.
func (d *Daemon) sockets() *portfwd.Pool {
	var usable []*os.File
	for _, f := range d.kept.Sockets {
		if err := trySocket(f); err != nil {
			d.found(unusable(err, f.Name()))
			_ = f.Close() // it was not used
			continue
		}
		usable = append(usable, f)
	}
	d.kept.Sockets = nil
	pool, err := portfwd.NewPool(usable)
	if err != nil {
		d.found(api.Errorf(api.InvalidValue, err, "cannot publish ports with the sockets that the switch was started with"))
	}
	return pool
}

// trySocket makes a pool of one socket: a pool takes all of its sockets or none.
func trySocket(f *os.File) error {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return err
	}
	syscall.CloseOnExec(fd)
	p, err := portfwd.NewPool([]*os.File{os.NewFile(uintptr(fd), f.Name())})
	if err != nil {
		return err
	}
	return p.Close()
}

// unusable is the finding about one socket. What the pool has against it stands behind
// its name.
func unusable(err error, name string) *api.Error {
	e := api.Errorf(api.InvalidValue, err, "cannot publish ports with the socket %q that the switch was started with", name).
		WithFix("pass bound TCP or UDP sockets, those of [::] with BindIPv6Only=ipv6-only (systemd.socket(5))")
	if _, why, found := strings.Cut(err.Error(), name+": "); found {
		e = e.Because("%s", why)
	}
	return e
}
