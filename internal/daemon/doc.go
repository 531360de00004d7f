// Package daemon is the composition root: it builds everything, plugs it together
// and owns its life. Only cmd/vswitch imports it.
//
// # The switch process
//
// Main is the process that `vswitch up` has the keeper start: a Daemon opens the
// state, makes the fabric and the networks of before, joins again what runs, and
// answers the API until it is told to end:
//
//	keeper            state            fabric, networks            server
//	what is held  ->  what is kept ->  what runs                -> who asks
//
// It may die at any time: what it has lies in files and at the keeper, and the next
// one goes on. Down takes everything down, in the order in which it depends on each
// other, and says what is gone.
//
// # The node
//
// A Node is one switch with its containers and nothing around it - no networks, no
// API, no keeper -, for demo, doctor and the tests of the data path. Nothing of it
// outlives its process: namespaces are held by descriptors only, devices go with
// theirs, programs are killed with their parent.
package daemon
