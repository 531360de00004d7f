// Package flow has the two tables that everything with connections is made of: an
// Index that finds a record's number by a hash, and a Wheel that says whose time has
// come. Both work on numbers only. The records lie in a slice of their owner, which
// also has the keys, so that a million of them are a few large blocks without a
// pointer, which the garbage collector does not walk.
//
//	key --Hash--> Index --id--> record[id] --its key is compared by the owner
//	                 Wheel --id--> record[id] --its deadline is looked at again
//
// Neither locks, and neither reads a clock: who owns them sees to both.
package flow
