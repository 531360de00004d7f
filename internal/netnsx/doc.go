// Package netnsx runs functions in network namespaces and sets up what is in
// one: links, addresses, routes, queueing disciplines, neighbours and sysctls.
//
// # A namespace is a descriptor
//
// A namespace is held by an open descriptor (NS) and by nothing else: no name
// below /run/netns, no process, no mount. When the descriptor is closed, also by
// the death of the process, the kernel ends the namespace and every virtual
// device in it.
//
// # A thread that enters does not come back
//
// A process in a user namespace of its own may enter the namespaces that it
// owns, but not go back to the host's network namespace, which belongs to the
// initial user namespace: setns(2) gives EPERM. So nothing here ever goes back.
// Do locks a goroutine to a fresh OS thread, enters, runs the function and lets
// the goroutine end without unlocking, upon which the runtime ends the thread.
// Descriptors and sockets that the function opened stay bound to the namespace.
package netnsx
