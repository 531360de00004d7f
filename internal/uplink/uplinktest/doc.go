// Package uplinktest is a worker and containers for tests of the ways out: no engine,
// no device and no root, but real sockets and a real epoll set.
//
//	Station.TCP, UDP, Echo --frames--> Worker.Run --Take, Done--> the Shard under test
//	                                                                | sockets of the host
//	Worker.Entered <--Enter, Flush-- Ready, Resume, Expire <--events-- Worker.Poll
//
// The worker holds a shard to the contract of package uplink: a slot that was borrowed
// is entered or returned before the call ends, nothing is flushed in a run, As comes
// before Enter outside of one, and every frame that enters has headers that a TAP would
// take and right checksums. Slots are handed out with rubbish in them. Time stands
// still until Advance moves it.
//
// A Pump is the worker with a device of a container's real kernel, in real time.
//
// Containers call the host's loopback Loopback4 and Loopback6, so that a test's servers
// are ordinary ones of the loopback.
package uplinktest
