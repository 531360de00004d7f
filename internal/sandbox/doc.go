// Package sandbox makes what a container is here: a network, a mount and a UTS
// namespace with programs in it, and no image. It is the same for root and for an
// ordinary user.
//
// # Held by descriptors
//
// A Sandbox holds its namespaces by open descriptors. No process waits in them, no
// file names them. Every program is started with a parent death signal. So the
// death of this process, also by kill -9, ends the programs and with them the
// namespaces and all devices. Two things outlive it: namespaces whose Files another
// process has got, which opens the same sandbox with FromFiles, and what a program
// of the sandbox has started in turn, which the death signal does not reach (Close
// does). Package keeper is such another process.
//
// Nothing here takes longer where there are more sandboxes: making one costs one to
// two milliseconds of a processor, most of it the kernel's network namespace. Only
// Close looks at every process of the machine; CloseAll does so once for many.
//
// # What a program inside sees
//
// The host's file system, and instead of the host's own: /etc/hosts,
// /etc/resolv.conf and /etc/hostname; the host name; the network devices, also in
// /sys/class/net; /proc/sys/net. The three files are in memory that is mounted in
// this mount namespace only. The usual way is an overlay over /etc: it does not
// care whether the host has the files or has links in their place, and it stays
// when the host replaces its own files by renaming, which would quietly take a
// bind mount away. Where overlays are not possible, the files are bind mounted.
//
// With Config.HostNet the network devices are the host's as well, and so is each of
// the three files that the configuration does not ask for.
//
// # Without root
//
// An ordinary user's process starts itself again in a user namespace of its own
// (Reexec, Start) with one user mapped, itself, as root. It keeps the host's network
// namespace, for its sockets, and has all rights over the namespaces that it makes
// from there. Nothing needs setuid programs, sudo or newuidmap.
package sandbox
