package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/switch run command lines in this process against a switch
// that is a fake; each script has one of its own.
//
//	vsw ARG...            the command line of vswitch; it must exit with 0
//	code N vsw ARG...     the same; it must exit with N
//	types TEXT            what the next command line reads
//	ends                  the switch is not up any more
type fakeKey struct{}

type fakePlay struct {
	*fakeSwitch
	typed string
}

func TestSwitchScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/switch",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Values[fakeKey{}] = &fakePlay{fakeSwitch: newFake()}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"vsw": func(ts *testscript.TestScript, neg bool, args []string) { playLine(ts, neg, 0, args) },
			"code": func(ts *testscript.TestScript, neg bool, args []string) {
				if len(args) < 2 || args[1] != "vsw" {
					ts.Fatalf("usage: code N vsw ARG...")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				playLine(ts, neg, want, args[2:])
			},
			"types": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value(fakeKey{}).(*fakePlay).typed = strings.Join(args, " ") + "\n"
			},
			"ends": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value(fakeKey{}).(*fakePlay).up = false },
		},
	})
}

func playLine(ts *testscript.TestScript, neg bool, want int, args []string) {
	if neg {
		ts.Fatalf("use code N vsw ARG...")
	}
	p := ts.Value(fakeKey{}).(*fakePlay)
	var files []*os.File
	for _, name := range []string{"in", "out", "err"} {
		f, err := os.Create(filepath.Join(ts.Getenv("WORK"), "."+name))
		ts.Check(err)
		defer f.Close()
		files = append(files, f)
	}
	_, err := files[0].WriteAt([]byte(p.typed), 0)
	ts.Check(err)
	p.typed = ""
	a := &app{in: files[0], out: files[1], err: files[2], link: p, now: func() time.Time { return testTime }}
	got := a.run(context.Background(), args)
	out, err := os.ReadFile(files[1].Name())
	ts.Check(err)
	_, _ = ts.Stdout().Write(out)
	errOut, err := os.ReadFile(files[2].Name())
	ts.Check(err)
	_, _ = ts.Stderr().Write(errOut)
	if got != want {
		ts.Fatalf("exit code %d, want %d; stderr:\n%s", got, want, errOut)
	}
}
