package main

import (
	"github.com/spf13/cobra"

	"vswitch/internal/doctor"
)

func doctorCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether this machine can run the switch",
		Long: `doctor tries out what the switch needs and shows what it found, grouped by what
a finding blocks, with one block of commands to paste. It never changes the
machine. It exits with 6 when something that is needed does not work.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := doctor.Run(cmd.Context(), checks())
			if cmd.Context().Err() != nil {
				return interrupted("cannot examine this machine")
			}
			if err := a.show(report, func() string { return report.Text(a.paint()) }); err != nil {
				return err
			}
			if err := report.Err(); err != nil {
				return reported{err}
			}
			return nil
		},
	}
}

// checks lists what doctor tries: what needs only the kernel first, then each
// room's own proof.
func checks() []doctor.Check {
	return append(doctor.Basic(doctor.Host("vswitch", "version")), proofChecks()...)
}
