// Package testnet has what tests with real namespaces share: stations with
// programs in them, raw sockets, captures, checkers of what arrived, and leak
// checks. Only test files import it.
//
// # How tests wait
//
// Nothing here asserts a time. What must come is waited for, with a bound
// (Patience) that only a failing test reaches. What must not come is proved by
// order: a marker is sent after it, by the same way, and the marker came first.
//
// # What tests leave
//
// NoLeaks, called first in a test, looks last at what the test left of
// descriptors, goroutines, child processes, threads in foreign namespaces and
// network devices. Watch tells when a namespace has really ended.
package testnet
