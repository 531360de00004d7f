// Package doctor says whether the machine can run the switch, and what to do
// where it cannot. It proves by trying: a check does what the switch will do,
// in small, and reads settings only to explain why that failed.
//
// The package has the framework (Check, Run, Report), the renderings, and the
// checks that need nothing but the kernel's files: kernel, /dev/net/tun,
// namespaces, limits, programs. Checks that try a room's own work (offloads of a
// TAP, the io_uring loop) are handed in by whoever composes the program.
//
// Nothing here changes the machine, asks for a password or runs sudo. It
// imports the standard library and internal/api only.
package doctor
