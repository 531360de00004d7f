// Command vswitch is a virtual switch in userspace: it connects network
// namespaces through TAP devices, for root and for ordinary users alike.
//
// main.go starts, root.go lists the commands, and every other file is a noun.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
