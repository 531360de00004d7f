package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// The error that a person is told has four parts and one code:
//
//	error: cannot create a TAP device for container "web"  [VS-ENV-004]
//	  why:  /dev/net/tun exists but opening it was refused (EACCES, mode 0600 root:root)
//	  fix:  ask an administrator to run:  chmod 0666 /dev/net/tun
//	  more: vswitch explain VS-ENV-004      check everything: vswitch doctor
//
// The first line names the user's own object, the second shows the system's
// error once, the third is a command where there is one. Rooms below return
// plain wrapped errors; the place that knows what the user asked for turns them
// into an *Error with Errorf.

// Error is a failure as a person is told it. It wraps its cause for errors.Is
// and errors.As, but never prints the chain of wrapping.
type Error struct {
	// Code is one of the catalogue.
	Code Code
	// Message says what could not be done, and names the user's object. It starts
	// in lower case and has no full stop.
	Message string
	// Why is the system's own reason, shown once. It may be empty.
	Why string
	// Fix is what to do: a command where there is one. It may have several lines.
	// Empty means that the catalogue's general fix stands.
	Fix string

	cause error
}

// Errorf makes an Error whose Why is the root of cause. A nil cause leaves Why
// empty. The format and its arguments are the Message.
func Errorf(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Why: Reason(cause), cause: cause}
}

// Because sets Why and returns e.
func (e *Error) Because(format string, args ...any) *Error {
	e.Why = fmt.Sprintf(format, args...)
	return e
}

// WithFix sets Fix and returns e.
func (e *Error) WithFix(format string, args ...any) *Error {
	e.Fix = fmt.Sprintf(format, args...)
	return e
}

// Error returns the message and the reason in one line, for logs.
func (e *Error) Error() string {
	s := e.Message + " [" + string(e.Code) + "]"
	if e.Why != "" {
		s += ": " + e.Why
	}
	return oneLine(s)
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// Exit returns what the program exits with after this error.
func (e *Error) Exit() Exit { return e.Code.Entry().Exit }

// Remedy returns Fix or, without one, the catalogue's general fix.
func (e *Error) Remedy() string {
	if e.Fix != "" {
		return e.Fix
	}
	return e.Code.Entry().Fix
}

// Text renders the four parts, each line ended. A part that is empty is left out.
func (e *Error) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "error: %s  [%s]\n", oneLine(e.Message), e.Code)
	part(&b, "why:", oneLine(e.Why))
	part(&b, "fix:", e.Remedy())
	more := "vswitch explain " + string(e.Code)
	if e.Exit() == ExitMachine {
		more += "      check everything: vswitch doctor"
	}
	part(&b, "more:", more)
	return b.String()
}

// part writes one labelled part; lines after the first are indented below it.
func part(b *strings.Builder, label, text string) {
	if text = strings.TrimSpace(printable(text)); text == "" {
		return
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(b, "  %-5s %s\n", label, strings.TrimRight(line, "\n"))
		label = ""
	}
}

// oneLine folds all white space and takes control characters out, so that no
// name can forge a part or command a terminal.
func oneLine(s string) string { return strings.Join(strings.Fields(printable(s)), " ") }

// printable puts a space for each control character but the line feed.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, s)
}

// wireError is the JSON form.
type wireError struct {
	Schema  string `json:"schema"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Why     string `json:"why,omitempty"`
	Fix     string `json:"fix,omitempty"`
	Exit    Exit   `json:"exit"`
}

// errorSchema names the JSON form of an Error.
const errorSchema = "vswitch/v1/error"

// MarshalJSON writes the four parts, the code and the exit code.
func (e *Error) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a fix is a command: && stays as it is
	err := enc.Encode(wireError{errorSchema, e.Code, e.Message, e.Why, e.Remedy(), e.Exit()})
	return b.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON wrote. The cause does not travel.
func (e *Error) UnmarshalJSON(b []byte) error {
	var w wireError
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.Schema != errorSchema {
		return fmt.Errorf("api: schema %q, want %q", w.Schema, errorSchema)
	}
	*e = Error{Code: w.Code, Message: w.Message, Why: w.Why, Fix: w.Fix}
	return nil
}

// AsError returns the first Error of err's chain. A failure that nobody gave a
// code to becomes one with the code Unexpected and err's root as its reason; nil
// stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Unexpected, err, "the command failed")
}

// ExitOf returns the exit code for err: ExitDone for nil.
func ExitOf(err error) Exit {
	if err == nil {
		return ExitDone
	}
	return AsError(err).Exit()
}
