// Package taptest has a TAP device for tests that need neither root nor
// /dev/net/tun: a pair of sockets that keep frames apart. The switch's end is a
// tap.Queue like any other, so the engine's loops, their system calls and their
// errors are the real ones; the other end is what a container's kernel would be.
package taptest
