package bench

import (
	"fmt"
	"os"
	"strings"
)

// sysctl sets a sysctl of the station's network namespace.
func (a *agent) sysctl(args []string) error {
	f := newFlags("sysctl")
	name := f.String("name", "", "its dotted name")
	value := f.String("value", "", "what it shall be")
	if err := f.parse(args, "name", "value"); err != nil {
		return err
	}
	path := "/proc/sys/" + strings.ReplaceAll(*name, ".", "/")
	if err := os.WriteFile(path, []byte(*value), 0o644); err != nil {
		return fmt.Errorf("set %s: %w", *name, err)
	}
	return nil
}
