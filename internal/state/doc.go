// Package state keeps small JSON documents in files, one in each, so that a crash at
// any moment leaves every document either as it was or as it was to become.
//
// # What enters, what leaves
//
// Save takes a value under a kind and a key ("network", "web") and makes it the file
// DIR/network/web.json; Load and Each read it back. A file has one line and the
// value:
//
//	vswitch-state sha256:HEX SCHEMA
//	{"Name":"web", ...}
//
// The checksum covers everything behind it. So a file that was cut off, or holds
// zeros where a crash of the machine lost its content, is recognized; it is renamed
// to web.json.damaged-1 and reported, and the others are read on.
//
// # How a document is written
//
// A new file beside the old one, fsync, rename over it, fsync of the directory: the
// way that POSIX rename and Linux's file systems make safe. Before the rename an
// error leaves the old document alone. The costs are the two fsyncs, about a
// millisecond on a virtual disk. Writers share the one of the directory: whoever
// comes while it runs waits, with all others who come, for the next (syncer.go).
// SaveAll writes its files side by side, which lets the file system's journal commit
// several at once.
//
// With Options.Sync Fast neither is called: safe against the death of this process,
// also by kill -9, but a crash of the machine may lose or damage documents that were
// written shortly before.
//
// # What is kept
//
// One process has a directory at a time: an exclusive flock(2) on DIR/lock, which
// ends with the process. DIR/version has the schema number. A directory of a newer
// schema is left untouched; one of an older is migrated document by document, and
// goes on where it stopped if it is interrupted. All paths are opened below
// descriptors of the directories (os.Root), so no symbolic link leads out of them.
// A Store is safe for concurrent use. No timer runs.
//
// # What is left out
//
// Transactions over several documents, queries, history. Directories inside DIR that
// have the name of a kind belong to the store; other files may lie there as well, and
// Destroy leaves them.
//
// Sources: rename(2), fsync(2), flock(2).
package state
