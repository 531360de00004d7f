package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"vswitch/internal/api"
)

func manCommand(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: "Write the manual pages",
		Long: `man writes the manual page of vswitch to stdout or, with --dir, a page for each
command into a folder.`,
		Example: `  vswitch man | man -l -
  vswitch man --dir ~/.local/share/man/man1`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true // what wrote the page is of no use to its reader
			h := &doc.GenManHeader{Title: "VSWITCH", Section: "1", Source: "vswitch " + thisVersion().Version, Manual: "vswitch"}
			if dir == "" {
				return doc.GenMan(root, h, a.out)
			}
			return writePages(root, h, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write all pages into this `folder`")
	return cmd
}

func writePages(root *cobra.Command, h *doc.GenManHeader, dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		h.Title = "" // each page has its command's
		err = doc.GenManTree(root, h, dir)
	}
	if err != nil {
		return api.Errorf(api.InvalidValue, err, "cannot write the manual pages to %q", dir).
			WithFix("name a folder that you may write to:  %s --dir FOLDER", fmt.Sprintf("%s man", root.Name()))
	}
	return nil
}
