package main

import (
	"os"

	"github.com/coreos/go-systemd/v22/activation"

	"vswitch/internal/api"
	"vswitch/internal/sandbox/keeper"
)

// Socket activation: a service manager binds sockets, on ports that the switch's user
// may not have, and starts this program with them (sd_listen_fds(3)). They are the
// keeper's from its start on, and are used for ports that are published where they
// are bound.

// passedSockets takes over the sockets that are meant for this process, as the
// variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say. It clears these: no program
// that is started from here is meant. A second call finds none.
func passedSockets() []*os.File { return activation.Files(true) }

// refuseSockets is for where a switch runs already: sockets that were passed are closed,
// and it is an error that they have no effect. Nil without any.
func refuseSockets() error {
	sockets := passedSockets()
	if len(sockets) == 0 {
		return nil
	}
	for _, f := range sockets {
		_ = f.Close() // it was not used
	}
	return lateSockets(len(sockets))
}

// lateSockets is the error about sockets for which the switch was started too early.
func lateSockets(n int) error {
	return api.Errorf(api.StartFailed, keeper.ErrSocketsLate, "cannot hand %s to the switch", plural(n, "socket")).
		Because("it is up already and takes sockets only when it starts").
		WithFix("end it, and start it by the service that has them:  vswitch down --keep")
}
