// Package keeper is the process that containers live in while the switch process
// comes and goes.
//
// The switch process carries frames, parses what strangers send and is replaced by
// newer versions; it may die. What must not die with it is kept by its parent, the
// keeper: the user namespace of an ordinary user, without which nobody would have a
// right over the containers any more; the containers' namespaces; their programs,
// which are children of the keeper; the exit codes of those that have ended; the
// socket of the API. The keeper carries no frames, knows no networks and writes no
// state, so that it has little to fail at.
//
//	vswitch up ----Launch----> keeper.sock --+
//	                                         v
//	clients --> vswitch.sock . . . . . .  keeper ---> programs in sandboxes
//	                           listener \    | control: requests and descriptors
//	                                     v   v
//	                                 switch process (Inherited)
//
// # Held by descriptors
//
// Namespaces are passed to the keeper as descriptors (Switch.Hold) and passed back
// to the next switch process (Switch.Held). Nothing is mounted: that costs the same
// for the thousandth container as for the first, there is nothing to clean up, and
// nothing outlives the keeper. A container takes two or three of the keeper's
// descriptors, a running program one more; the limit is the hard RLIMIT_NOFILE, to
// which the runtime of Go raises the soft one for the keeper, not for its programs.
//
// The keeper stays in the host's mount namespace, so that mounts which the host
// makes later, such as those of ip netns add, are there for containers to come.
//
// # Sockets of published ports
//
// Sockets that a service manager bound for the switch, on ports that its user may not
// have, come with Launch, are held until the end of the keeper, and are passed to
// every switch process as the listener is: as descriptors of fixed numbers, with their
// names in the environment. While there is no switch process, clients wait in their
// backlogs, too. Whoever launches a keeper that runs cannot add any.
//
// # Who ends with whom
//
// When the switch process ends without having asked for the end, it is started
// again at once, and clients that come meanwhile wait in the listener's backlog.
// After five ends in thirty seconds the keeper gives up: the listener is closed,
// clients are refused, programs run on, and the next Launch begins anew. One that
// says why it cannot start (Switch.Failed) is not started again either until then.
// As long as none has ever been ready there is nothing to keep: the keeper ends.
//
// When the keeper ends, by kill -9 too, the switch process and every program that it
// started end: they have a parent death signal, and the namespaces go with the last
// descriptor. That signal is bound to the thread that forked, so each of them has
// one; see sandbox.Command. It is not inherited: what a program has started in turn
// is found when the keeper ends in order, and is not when it is killed; then it goes
// on, and its namespaces with it.
//
// # What a program costs
//
// A running program costs the keeper a thread, which waits for its end: 33 to 36
// KiB of resident memory and one descriptor, measured with 1,000 containers that
// have a program each (BenchmarkProgram). Holding a container costs 2 KiB.
//
// # Messages
//
// Requests and answers are JSON behind a four-byte length, on a stream socket,
// since an environment may be larger than a packet; descriptors travel with the
// length. Each request has a tag, and answers come in any order.
package keeper
