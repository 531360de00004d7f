package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"vswitch/internal/api"
)

// Errors of a Switch's methods, wrapped with the name of the object. Errors of
// starting a program also wrap exec.ErrNotFound, fs.ErrPermission or fs.ErrNotExist
// (the working directory), and those of signalling os.ErrProcessDone.
var (
	// ErrUnknown: the keeper has no run, or holds no container, of that name.
	ErrUnknown = errors.New("the keeper does not know it")
	// ErrExists: it has one already.
	ErrExists = errors.New("the keeper has it already")
	// ErrRunning: the program has not ended.
	ErrRunning = errors.New("the program runs")
	// ErrEnding: the keeper is about to end.
	ErrEnding = errors.New("the keeper is ending")
	// errNotReady: the switch process could not be started, or ended too early.
	errNotReady = errors.New("the switch process did not get ready")
)

// kinds are the errors that survive the way, each with its name on it.
var kinds = []struct {
	name string
	err  error
}{
	{"unknown", ErrUnknown}, {"exists", ErrExists}, {"running", ErrRunning}, {"ending", ErrEnding},
	{"not-ready", errNotReady},
	{"not-found", exec.ErrNotFound}, {"permission", fs.ErrPermission}, {"not-exist", fs.ErrNotExist},
	{"done", os.ErrProcessDone}, {"too-big", syscall.E2BIG},
}

// op names what a request asks for.
type op string

const (
	opLaunch op = "launch" // have the switch process run; answered when it is ready or has failed
	opReady  op = "ready"
	opFailed op = "failed"
	opEnd    op = "end"
	opHold   op = "hold"
	opHeld   op = "held"
	opList   op = "list"
	opDrop   op = "drop"
	opRun    op = "run"
	opRuns   op = "runs"
	opWait   op = "wait"
	opSignal op = "signal"
	opKill   op = "kill"
	opForget op = "forget"
)

// word is text that need not be UTF-8, as arguments and paths need not: JSON has it
// in base64.
type word []byte

// request is one message to the keeper.
type request struct {
	Tag uint64 `json:"tag"`
	Op  op     `json:"op"`
	// Name is the run's identifier or the container's, by Op. For opRuns it is
	// optional.
	Name   string     `json:"name,omitempty"`
	Signal int        `json:"signal,omitempty"`
	Run    *wireRun   `json:"run,omitempty"`
	Told   *api.Error `json:"told,omitempty"`
	// Files tells which of a run's three files, or of a container's three
	// namespaces, came along, in order.
	Files [maxFiles]bool `json:"files"`
}

// wireRun is a RunSpec on its way.
type wireRun struct {
	Container string `json:"container"`
	Args      []word `json:"args"`
	// Env is null for the keeper's own environment.
	Env []word `json:"env"`
	Dir word   `json:"dir,omitempty"`
	Tty bool   `json:"tty,omitempty"`
}

// answer is the message back.
type answer struct {
	Tag   uint64         `json:"tag"`
	Err   *wireError     `json:"err,omitempty"`
	PID   int            `json:"pid,omitempty"`
	Code  int            `json:"code,omitempty"`
	Path  string         `json:"path,omitempty"`
	Names []string       `json:"names,omitempty"`
	Runs  []RunState     `json:"runs,omitempty"`
	Files [maxFiles]bool `json:"files"`
}

// wireError is an error on its way.
type wireError struct {
	Kind string     `json:"kind,omitempty"`
	Text string     `json:"text"`
	Told *api.Error `json:"told,omitempty"`
}

// remoteError is an error after its way.
type remoteError struct {
	text  string
	cause error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.cause }

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error()}
	if told, ok := errors.AsType[*api.Error](err); ok {
		w.Told = told
		return w
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			w.Kind = k.name
			break
		}
	}
	return w
}

func (w *wireError) err() error {
	switch {
	case w == nil:
		return nil
	case w.Told != nil:
		return w.Told
	}
	e := &remoteError{text: w.Text}
	for _, k := range kinds {
		if k.name == w.Kind {
			e.cause = k.err
		}
	}
	return e
}

// decode reads a message and checks that its descriptors are as it says.
func decode[T request | answer](body []byte, files int, said func(*T) [maxFiles]bool) (*T, error) {
	var m T
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	n := 0
	for _, there := range said(&m) {
		if there {
			n++
		}
	}
	if n != files {
		return nil, fmt.Errorf("%w: %d descriptors where it says %d", errMessage, files, n)
	}
	return &m, nil
}

func decodeRequest(body []byte, files int) (*request, error) {
	return decode(body, files, func(r *request) [maxFiles]bool { return r.Files })
}

func decodeAnswer(body []byte, files int) (*answer, error) {
	return decode(body, files, func(a *answer) [maxFiles]bool { return a.Files })
}

// spread puts files where they belong; pack is its inverse.
func spread(files []*os.File, there [maxFiles]bool) (out [maxFiles]*os.File) {
	for i := range out {
		if there[i] {
			out[i], files = files[0], files[1:]
		}
	}
	return out
}

func pack(files [maxFiles]*os.File) (out []*os.File, there [maxFiles]bool) {
	for i, f := range files {
		if there[i] = f != nil; there[i] {
			out = append(out, f)
		}
	}
	return out, there
}
