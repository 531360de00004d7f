package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

// versionInfo is what `vswitch version` tells.
type versionInfo struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of this program",
		Args:  arguments(0),
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			return a.show(v, func() string {
				return fmt.Sprintf("vswitch %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			})
		},
	}
}

// thisVersion describes the running program. One that was not built by make
// asks the module's own record.
func thisVersion() versionInfo {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	if v == "" {
		v = "(devel)"
	}
	return versionInfo{"vswitch/v1/version", v, runtime.Version(), runtime.GOOS, runtime.GOARCH}
}
