package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// watch is the flag of commands that can show their result again and again.
type watch struct{ every time.Duration }

// shortestWatch keeps a slip from asking the switch without a pause.
const shortestWatch = 100 * time.Millisecond

func (w *watch) add(cmd *cobra.Command) {
	cmd.Flags().DurationVarP(&w.every, "watch", "w", 0, "show it again every `interval`, 2s unless given (-w=5s)")
	cmd.Flags().Lookup("watch").NoOptDefVal = "2s"
}

// run shows a result once or, with --watch, until it is interrupted, which is then
// no error. A terminal is cleared before each showing; elsewhere they are appended.
func (w *watch) run(ctx context.Context, a *app, show func(io.Writer) error) error {
	if w.every == 0 {
		return show(a.out)
	}
	if w.every < shortestWatch {
		return invalidFlag("--watch", w.every.String(), nil).WithFix("give %s or more", shortestWatch)
	}
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		if err := w.redraw(a, show); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// redraw writes the whole screen at once, so that it does not flicker.
func (w *watch) redraw(a *app, show func(io.Writer) error) error {
	var b bytes.Buffer
	if a.terminal(a.out) {
		b.WriteString(home + clearScreen)
	}
	if err := show(&b); err != nil {
		return err
	}
	_, err := a.out.Write(b.Bytes())
	return err
}

// Control sequences of a terminal (ECMA-48, CUP and ED).
const (
	home        = "\x1b[H"
	clearScreen = "\x1b[2J"
)
