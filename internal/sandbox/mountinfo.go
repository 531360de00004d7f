package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/PID/mountinfo, see proc_pid_mountinfo(5).
type mount struct {
	// Root is the part of the file system that is mounted, Point where.
	Root, Point string
	// Type and Source are what the mount was made with.
	Type, Source string
}

// mounts lists what the calling thread's mount namespace has mounted, the oldest
// first.
func mounts() ([]mount, error) {
	b, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("sandbox: list the mounts: %w", err)
	}
	return parseMounts(string(b)), nil
}

// parseMounts leaves out lines that are not of the form.
func parseMounts(text string) []mount {
	var out []mount
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		// A variable number of optional fields ends with a dash.
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+3 {
			continue
		}
		out = append(out, mount{
			Root: unescape(f[3]), Point: unescape(f[4]),
			Type: f[dash+1], Source: unescape(f[dash+2]),
		})
	}
	return out
}

// unescape undoes the kernel's \ooo for white space and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		s = after
		if len(after) >= 3 {
			if c, err := strconv.ParseUint(after[:3], 8, 8); err == nil {
				b.WriteByte(byte(c))
				s = after[3:]
				continue
			}
		}
		b.WriteByte('\\')
	}
}
