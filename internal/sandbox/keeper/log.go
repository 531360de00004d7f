package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// logTail reads what was written to a log since it was made.
type logTail struct {
	path  string
	start int64
}

// What of the log is shown, from its end.
const (
	tailMax   = 2 << 10 // bytes
	tailLines = 5
)

func tailOf(path string) *logTail {
	t := &logTail{path: path}
	if st, err := os.Stat(path); err == nil {
		t.start = st.Size()
	}
	return t
}

// read returns the last lines; nothing when the log cannot be read.
func (t *logTail) read() string {
	f, err := os.Open(t.path)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(t.start, st.Size()-tailMax)
	b, err := io.ReadAll(io.NewSectionReader(f, from, tailMax))
	if err != nil {
		return ""
	}
	lines := slices.Collect(strings.Lines(string(b)))
	return strings.Join(lines[max(len(lines)-tailLines, 0):], "")
}

func oldLog(path string) string { return path + ".old" }

// newLog begins a log and keeps the one before.
func newLog(path string) (*os.File, *logTail, error) {
	if err := os.Rename(path, oldLog(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("keeper: keep the old log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("keeper: begin a log: %w", err)
	}
	return f, &logTail{path: path}, nil
}
