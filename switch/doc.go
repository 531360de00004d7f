// Package vswitch is the layer-2 switch: it learns which station is behind which
// port and decides by which ports a frame leaves. (Its folder is called switch;
// that is a keyword of Go, so the package has the name of the project. Import it
// as vswitch "vswitch/switch".)
//
// # What enters, what leaves
//
// A batch of parsed frames enters Forward together with the port that it came in
// by; every frame leaves with a verdict: the ports and forms in which it goes
// out, or the reason for which it ends here. Nothing is read, written or copied:
// the engine does that. The steps of a frame, in this order:
//
//	classify   which VLAN is it in, and may the port use that      (vlan.go)
//	admit      are its addresses such as a bridge forwards         (forward.go)
//	guard      is its source the port's own, may it serve          (guard.go)
//	learn      the source is behind this port                      (fdb_learn.go)
//	look up    one port, or all of the VLAN; isolation             (forward.go)
//	answer     who asks everybody for an address asks the one      (responder.go)
//	           port that knows it
//	storm      does the port flood more than it may                (storm.go)
//
// # What is kept
//
// The forwarding database (FDB) is shared by all workers and read without a lock.
// The configuration is an immutable snapshot behind one pointer (snapshot.go);
// control makes a new one, which shares with the old what did not change, and swaps
// it. Per port and worker there are a storm bucket and counters, so a port's frames
// may come by several workers at once. Switches that share an engine share the
// port numbers (numbers.go).
//
// # Timers
//
// A dynamic entry that was not refreshed for the aging time (300 s) is no longer
// found; Sweep, called now and then, takes it out. No timer runs here: time is an
// argument.
//
// # What is left out
//
// Spanning tree (a switch of containers has no redundant links), IGMP snooping
// (multicast is flooded, as the kernel's bridge does without it), and everything
// above layer 2: routing, NAT and services are ports of their own.
//
// Standards: IEEE 802.1Q-2022 (bridging, VLANs), RFC 826 (ARP), RFC 4861 (ND), RFC
// 2131 and RFC 8415 (DHCP), RFC 9161 (ARP and ND suppression).
package vswitch
