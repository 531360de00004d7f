// Package server answers the API over HTTP on a unix socket. It knows paths,
// bodies and streams; what they mean is the Backend's, which the daemon brings.
//
// # What enters
//
// HTTP/1.1 requests (RFC 9112) with JSON bodies of one value: no unknown field,
// nothing after it, at most Config.MaxBody bytes. A query parameter that a call
// does not have is an error too. The table of calls is in table.go, and GET /v1/
// answers with it.
//
// # What leaves
//
// JSON, or an api.Error with the HTTP status that its exit code stands for. Every
// answer names the API's version and the program's; a request that names another
// version of the API gets 426 and nothing is done. A list is never null. Streams
// are flushed as they come: lines of JSON from down, where an api.Error as the last
// line says that it failed; bytes from logs. A stream that fails otherwise is cut
// off, so that it does not look complete.
//
// # Who may ask
//
// The socket's mode keeps others out, and each connection's peer is checked again
// (SO_PEERCRED, unix(7)): its uid must be the owner's or root's. The kernel
// translates the peer's uid into this process's user namespace. In the namespace
// of an ordinary user's switch the owner is 0 and everybody else, the machine's
// root included, is the overflow uid 65534: there, root has to become the user.
//
// # Programs with the caller's descriptors
//
// start and exec with "Upgrade: vswitch-exec" leave HTTP after the answer 101. The
// client then sends one byte with exactly three descriptors, its stdin, stdout and
// stderr, and from then on signals; it gets the events Started and Exited. The
// program's data never passes through this process. The client must not send
// anything before it has seen 101: net/http reads ahead, and the kernel throws
// descriptors away when their byte is read without asking for them. When the
// client goes, its program stays. When the server goes, the stream just breaks, and
// the client asks the next one with GET /v1/exec/{id}/wait.
//
// # Limits and timers
//
// A header must come within 10 seconds and in 64 KiB, a body within 30 seconds,
// descriptors within 10. At most Config.MaxConns connections are served, further
// ones wait; one that was upgraded does not count any more. Streams have no time
// limit. A panic of a call is logged and answered as api.Unexpected.
package server
