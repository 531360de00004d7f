package doctor

import (
	"fmt"
	"strings"

	"vswitch/internal/api"
)

// Schema names the JSON form of a Report.
const Schema = "vswitch/v1/doctor"

// Report is what all checks found, in the order in which they ran.
type Report struct {
	Schema string   `json:"schema"`
	Checks []Result `json:"checks"`
}

// Result is one check with its finding.
type Result struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Blocks string   `json:"blocks"`
	Status Status   `json:"status"`
	Detail string   `json:"detail"`
	Code   api.Code `json:"code,omitempty"`
	Fix    string   `json:"fix,omitempty"`
}

// Count returns how many checks came to the status.
func (r Report) Count(s Status) int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Err returns nil when nothing failed, and otherwise the error that the command
// ends with: the first failure's code, and the exit code for a machine that is
// not able.
func (r Report) Err() *api.Error {
	for _, c := range r.Checks {
		if c.Status == Fail {
			return api.Errorf(c.Code, nil, "this machine cannot run all of vswitch").
				Because("%s: %s", c.Title, c.Detail).WithFix("%s", c.Fix)
		}
	}
	return nil
}

// Fixes returns one block of shell commands that repairs all that a command can
// repair, each under a comment that says what it is for. No command stands twice.
func (r Report) Fixes() string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, c := range r.Checks {
		if c.Fix == "" || seen[c.Fix] || c.Status == OK {
			continue
		}
		seen[c.Fix] = true
		fmt.Fprintf(&b, "# %s\n%s\n", c.Title, strings.TrimSpace(c.Fix))
	}
	return b.String()
}

// groups returns the results by what they block, in order of appearance.
func (r Report) groups() [][]Result {
	var groups [][]Result
	at := map[string]int{}
	for _, c := range r.Checks {
		i, ok := at[c.Blocks]
		if !ok {
			i = len(groups)
			at[c.Blocks] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}
