// Package client speaks the API to a switch on a unix socket. Its methods are
// those of the server's Backend, with the same parameters.
//
// # Errors
//
// What the switch answers arrives as the *api.Error that it was, reason and fix
// included. A switch that cannot be reached is api.SwitchUnreachable, and
// NotRunning tells whether that is because none runs, so that the caller can start
// one. A switch that speaks another version of the API is api.VersionMismatch,
// before anything of its answer is believed. A call whose context ended is
// api.TimedOut or api.Interrupted.
//
// # Connections
//
// Each call has a connection of its own: connecting costs microseconds, and a
// switch that was started again between two calls is not met through a dead
// connection. A path that is longer than a socket's address can be (unix(7), 107
// bytes) is reached through its directory, opened, in /proc/self/fd.
//
// # Programs
//
// Start and Exec hand descriptors over after the answer 101: one byte with three
// descriptors (SCM_RIGHTS, unix(7)). The program reads and writes them itself; this
// process only passes signals on and waits. A Run survives a restart of the switch:
// when its stream breaks, Wait asks the next switch for the same run, for up to 15
// seconds without one. Signals cannot be passed on any more then.
package client
