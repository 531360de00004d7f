// Package daemon is the composition root: it makes a switch, an engine and
// containers, plugs them together and owns their lives. Only cmd/vswitch imports
// it.
//
// A Node is one switch with its containers. Joining makes, in this order, the
// container's namespaces, its TAP device, its port in the switch, and hands the
// device to the engine; leaving undoes it backwards, and each step leaves nothing
// that the one before it could still use:
//
//	switch.RemovePort   no frame is sent there any more
//	engine.Detach       no worker holds it
//	tap.Close           the kernel deletes the device
//	switch.ReleasePort  the number may be used again
//	sandbox.Close       programs end, namespaces go
//
// Nothing of a node outlives its process: namespaces are held by descriptors
// only, devices go with theirs, programs are killed with their parent. (Only what a
// program put into the background outlives a SIGKILL of the process, and keeps its
// namespaces until it ends.)
package daemon
