package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"vswitch/internal/api"
)

// The environment of programs in containers. Docker passes nothing of the caller's;
// here programs are the host's own and need what tells them about the user and the
// terminal.

// inherited are the variables that a program gets from the caller, by name or by
// the beginning of it.
var inherited = []string{"PATH", "HOME", "TERM", "USER", "LANG", "LC_"}

// passed picks those out of an environment.
func passed(environ []string) []string {
	var env []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		for _, want := range inherited {
			if name == want || strings.HasSuffix(want, "_") && strings.HasPrefix(name, want) {
				env = append(env, kv)
			}
		}
	}
	return env
}

// environment is what a program gets: what is passed, then the files, then the
// flags; the last of a name wins. A name without a value is taken over from the
// caller, or left out where it has none.
func environment(environ, files, flags []string) ([]string, error) {
	caller := make(map[string]string)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		caller[name] = value
	}
	given := passed(environ)
	for _, path := range files {
		lines, err := readEnvFile(path)
		if err != nil {
			return nil, err
		}
		given = append(given, lines...)
	}
	for _, kv := range flags {
		if name, _, _ := strings.Cut(kv, "="); name == "" {
			return nil, invalidFlag("--env", kv, nil).Because("the name is empty").WithFix("use:  --env NAME=VALUE")
		}
		given = append(given, kv)
	}
	return lastWins(given, caller), nil
}

// lastWins keeps the last setting of each name, at the place of the first.
func lastWins(given []string, caller map[string]string) []string {
	place := make(map[string]int)
	var env []string
	for _, kv := range given {
		name, _, set := strings.Cut(kv, "=")
		if !set {
			value, ok := caller[name]
			if !ok {
				continue
			}
			kv = name + "=" + value
		}
		if i, ok := place[name]; ok {
			env[i] = kv
			continue
		}
		place[name] = len(env)
		env = append(env, kv)
	}
	return env
}

// readEnvFile reads a file of NAME=VALUE and NAME lines, as Docker reads it: what
// begins with # is a comment, and nothing is unquoted.
func readEnvFile(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, api.Errorf(api.InvalidFile, err, "cannot read the environment from %q", path)
	}
	defer f.Close()
	var env []string
	scan := bufio.NewScanner(f)
	for n := 1; scan.Scan(); n++ {
		text := scan.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		line := strings.TrimLeftFunc(text, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(line, "=")
		if name == "" || strings.ContainsFunc(name, unicode.IsSpace) {
			return nil, api.Errorf(api.InvalidFile, nil, "%s:%d:%d: %q is no name of a variable", path, n, len(text)-len(line)+1, name).
				WithFix("write NAME=VALUE, and # before a comment")
		}
		env = append(env, line)
	}
	if err := scan.Err(); err != nil {
		return nil, api.Errorf(api.InvalidFile, err, "cannot read the environment from %q", path)
	}
	return env, nil
}

// workingDir is where a program starts: what was asked for, else where the caller
// is. A relative path is one of the caller's.
func workingDir(asked string) (string, error) {
	dir, err := filepath.Abs(asked)
	if err != nil {
		return "", api.Errorf(api.InvalidValue, err, "cannot find the working folder %q", asked)
	}
	return dir, nil
}
