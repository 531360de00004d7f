package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"vswitch/internal/api"
)

// decode reads the request's body into v: one JSON value, no unknown field,
// nothing after it. An absent body leaves v as it is where it is optional.
func (s *Server) decode(w *reply, r *http.Request, v any, optional bool) error {
	// The deadline is of the body alone: net/http goes on reading the connection
	// during the call, to notice when the client goes.
	rc := http.NewResponseController(w.ResponseWriter)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = rc.SetReadDeadline(time.Time{}) }()

	dec := json.NewDecoder(http.MaxBytesReader(w.ResponseWriter, r.Body, s.cfg.MaxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == io.EOF {
		if optional {
			return nil
		}
		return invalid(r, "it has no body")
	}
	if err == nil {
		err = end(dec)
	}
	if err != nil {
		return wrongBody(r, err)
	}
	return nil
}

// errTrailing says that something follows the value.
var errTrailing = errors.New("something follows the JSON value")

// end makes sure that only white space follows.
func end(dec *json.Decoder) error {
	_, err := dec.Token()
	if err == io.EOF {
		return nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return err
	}
	return fmt.Errorf("at byte %d: %w", dec.InputOffset(), errTrailing)
}

// wrongBody says what is wrong with a body, and where.
func wrongBody(r *http.Request, err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return withStatus(http.StatusRequestEntityTooLarge,
			invalid(r, fmt.Sprintf("its body is longer than %d bytes", e.Limit)))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return withStatus(http.StatusRequestTimeout,
			api.Errorf(api.TimedOut, err, "cannot read the request %s %s", r.Method, r.URL.Path).
				Because("its body did not come in %v", bodyTime))
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid(r, fmt.Sprintf("at byte %d: %v", e.Offset, e))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid(r, fmt.Sprintf("at byte %d: field %q takes %s, not %s", e.Offset, e.Field, e.Type, e.Value))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid(r, "its body ends in the middle")
	}
	return invalid(r, strings.TrimPrefix(err.Error(), "json: "))
}

// invalid is the error of a request that cannot be read.
func invalid(r *http.Request, why string) *api.Error {
	return api.Errorf(api.InvalidValue, nil, "cannot read the request %.10s %.200s", r.Method, r.URL.Path).
		Because("%s", why).
		WithFix("see what each call takes:  GET /v1/")
}
