package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/doctor"
)

// doctorAt runs `vswitch doctor -o json` after the shell has set the machine up
// the way the test wants. The mount namespace is the process's own and goes with
// it: the machine's own device node is not touched.
func doctorAt(t *testing.T, uid int, setup string) (map[string]doctor.Result, int) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NEEDS-ROOT: gives doctor a private /dev/net and another user's rights")
	}
	if _, err := os.Stat("/dev/net"); err != nil {
		t.Skip("NEEDS-TUN: there is no /dev/net to put another one over")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Called vswitch, the test binary is vswitch; it is copied to where every
	// user can reach it.
	script := `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /dev/net
cp "$1" /dev/net/vswitch
chmod 0755 /dev/net/vswitch
` + setup + `
exec setpriv --reuid "$2" --regid "$2" --clear-groups -- /dev/net/vswitch doctor -o json`
	cmd := exec.Command("sh", "-c", script, "sh", self, strconv.Itoa(uid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	var report doctor.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, out.String(), errOut.String())
	}
	results := map[string]doctor.Result{}
	for _, c := range report.Checks {
		results[c.ID] = c
	}
	return results, cmd.ProcessState.ExitCode()
}

// What doctor finds on a machine whose device node is broken, as an ordinary
// user and as root, from the outside.
func TestDoctorOnBrokenMachines(t *testing.T) {
	const nobody = 65534
	tests := []struct {
		name   string
		uid    int
		setup  string
		status doctor.Status
		code   api.Code
		fix    string
		exit   api.Exit
	}{
		{"open node", nobody, "mknod -m 0666 /dev/net/tun c 10 200", doctor.OK, "", "", api.ExitDone},
		{"closed node", nobody, "mknod -m 0600 /dev/net/tun c 10 200", doctor.Fail, api.TunClosed, "chmod 0666 /dev/net/tun", api.ExitMachine},
		{"no node", nobody, "", doctor.Fail, api.TunMissing, "mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200", api.ExitMachine},
		{"no node, as root", 0, "", doctor.Fail, api.TunMissing, "mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200", api.ExitMachine},
		{"closed node, as root", 0, "mknod -m 0600 /dev/net/tun c 10 200", doctor.OK, "", "", api.ExitDone},
		{"node without a driver", 0, "mknod -m 0666 /dev/net/tun c 10 199", doctor.Fail, api.TunNoDriver, "modprobe tun", api.ExitMachine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			results, exit := doctorAt(t, tt.uid, tt.setup)
			tun := results["tun"]
			if tun.Status != tt.status || tun.Code != tt.code || tun.Fix != tt.fix {
				t.Errorf("tun: %+v", tun)
			}
			if api.Exit(exit) != tt.exit {
				t.Errorf("exit code %d, want %d; found %+v", exit, tt.exit, results)
			}
			if ns := results["namespaces"]; ns.Status != doctor.OK {
				t.Errorf("namespaces: %+v", ns)
			}
		})
	}
}

// The text goes to stdout whole, the failure is not told twice, and nothing in
// it asks for sudo.
func TestDoctorText(t *testing.T) {
	var out, errOut bytes.Buffer
	code := run(context.Background(), []string{"doctor"}, strings.NewReader(""), &out, &errOut)
	if code != int(api.ExitDone) && code != int(api.ExitMachine) {
		t.Errorf("exit code %d", code)
	}
	if errOut.Len() != 0 || !strings.HasPrefix(out.String(), doctor.BlocksAll+": ") || strings.Contains(out.String(), "sudo") {
		t.Errorf("stdout:\n%s\nstderr:\n%s", out.String(), errOut.String())
	}
}
