package daemon

import (
	"errors"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// sockets takes over those that were bound for published ports before the switch
// started. One that cannot be used is a finding, and the others are used.
func (d *Daemon) sockets() *portfwd.Pool {
	pool, err := portfwd.NewPool(d.kept.Sockets)
	d.kept.Sockets = nil
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			d.found(unusable(err))
		}
	}
	return pool
}

// unusable is the finding about one socket.
func unusable(err error) *api.Error {
	e := api.Errorf(api.InvalidValue, err, "cannot publish ports with a socket that the switch was started with")
	if bad, ok := errors.AsType[*portfwd.SocketError](err); ok {
		e = api.Errorf(api.InvalidValue, err, "cannot publish ports with the socket %q that the switch was started with", bad.Name).
			Because("%v", bad.Err)
	}
	return e.WithFix("pass bound TCP or UDP sockets, those of [::] with BindIPv6Only=ipv6-only (systemd.socket(5))")
}
