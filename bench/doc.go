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
// Ratios travel between machines, absolute figures do not.
package bench
