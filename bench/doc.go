// Package bench compares ways to forward layer-2 frames between two stations on
// one machine: this project's switch, the kernel's bridge, and a naive loop. And it
// measures the switch as a daemon with networks and many containers.
//
// # Theory of operation
//
// A [Runner] builds a site: two stations, each a network namespace, joined by the
// thing under test. A [Workload] runs programs inside the stations and returns a
// [Sample]. [Run] keeps all sites up, and for each workload walks over them
// forth and back, so that a drift of the machine falls on all alike:
//
//	reference  epoll  uring  naive | naive  uring  epoll  reference
//
// One walk is a round. Each half of a round pairs every candidate with a
// reference sample taken within seconds of it; the figure is the median of those
// pairwise ratios, with their range and a bootstrap interval. A run of the
// reference against itself goes first: the spread of its ratios is the smallest
// difference about which anything is claimed.
//
// A sample counts only if the site's own counters show that the traffic took
// that road and no other, if a verified transfer over the same site has delivered
// every byte as it was sent, and if the hypervisor did not steal the processor
// meanwhile. What does not count is kept in the results with the reason.
//
// # Programs in the stations
//
// TCP bulk comes from iperf3. Small frames, latency and the verified transfer
// come from the agent, [AgentMain], which a binary offers as a hidden command;
// iperf3 spends more on a small datagram than the road under test does.
//
// # Networks
//
// [Networks] measures what the switch does as a daemon: it has one started with a
// socket and a state of its own, speaks to it through its API, runs programs in its
// containers through the command exec, and takes it down. It compares with stated
// aims instead of a reference, except for the throughput between two of many
// containers, which [Run] compares with that between two alone.
//
// # Ways
//
// [NAT] and [Publish] measure the way out of containers and the way in. Each runner
// has a private host: a network namespace with an address that is not loopback, in
// which servers listen and the switch process, or a peer, has its sockets. The
// reference is two programs on such a host, so loopback TCP; the peers are [Pasta]
// and [Slirp], where they are installed. One Run walks over all of them, and a
// figure is the ratio of any two of its runners, pair by pair within half a round.
// Only the first station can call: the verified transfer the other way goes over a
// connection of its own. That the traffic took the way is shown by the books of the
// switch: its ports, its connections, and the payload that it copied.
//
// The sockets that a way itself opens begin with the host's congestion control, which
// is set to one that does not pace; those of the programs that measure have their own.
//
// Ratios travel between machines, absolute figures do not.
package bench
