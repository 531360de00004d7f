package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vswitch/bench"
)

// What makes no sense is refused before anything is made.
func TestBenchWaysUsage(t *testing.T) {
	for name, command := range map[string]func(*app) *cobra.Command{"nat": benchNATCommand, "publish": benchPublishCommand} {
		for _, tt := range []struct{ args, want string }{
			{"--preset huge", `--preset does not take "huge"`}, {"--only jumb", `--only does not take "jumb"`},
			{"--flows 1000001", map[string]string{"nat": `--flows does not take "1000001"`, "publish": "unknown flag"}[name]},
			{"--rounds 0", `--rounds does not take "0"`}, {"--seconds NaN", `--seconds does not take "NaN"`}, {"now", "one argument too many"},
		} {
			var out, errOut bytes.Buffer
			cmd := command(&app{out: &out, err: &errOut})
			cmd.SetArgs(strings.Fields(tt.args))
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err := cmd.ExecuteContext(context.Background())
			if err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0 {
				t.Errorf("%s %s: error %v, %s", name, tt.args, err, &out)
			}
		}
	}
}

// The flags and the preset give the size, and the switch gets none of the flags that
// are meant for this command.
func TestBenchWaysOptions(t *testing.T) {
	t.Setenv("VSWITCH_FLOWS", "5")
	b := &benchWays{app: &app{err: new(bytes.Buffer)}, sections: bench.NATSections(), preset: "quick", only: []string{"out"}, rounds: 7, seconds: 0.5}
	b.given = func(string) bool { return true }
	b.flows = 9
	o, err := b.options()
	if err != nil {
		t.Fatal(err)
	}
	if o.Rounds != 7 || o.Flows != 9 || o.Env.Length.Seconds() != 0.5 || len(o.Sections) != 1 || len(o.Program) != 1 {
		t.Errorf("%+v", o)
	}
	for _, e := range o.Environ {
		if strings.HasPrefix(e, "VSWITCH_FLOWS=") {
			t.Errorf("the switch gets %s", e)
		}
	}
}
