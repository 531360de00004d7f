package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"

	"vswitch/internal/api"
)

// reply is a ResponseWriter that knows whether the answer has begun. It belongs
// to the goroutine of its request.
type reply struct {
	http.ResponseWriter
	begun bool
}

func (w *reply) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *reply) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// take takes the connection out of HTTP. early says that the client has sent
// something that belongs to no request.
func (w *reply) take() (_ *conn, early bool, err error) {
	nc, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, false, err
	}
	w.begun = true
	c, ok := nc.(*conn)
	if !ok {
		nc.Close()
		return nil, false, &net.OpError{Op: "hijack", Net: "unix", Err: errors.ErrUnsupported}
	}
	c.free()
	return c, buf.Reader.Buffered() > 0, nil
}

// json answers with v.
func (w *reply) json(status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return api.Errorf(api.Unexpected, err, "cannot write the answer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	// An error means that the client has gone: there is nobody to tell.
	_, _ = w.Write(b)
	return nil
}

// encode returns v as one line of JSON. A command in a fix keeps its &&.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// fail answers with err. Where an answer has begun it is cut off instead, so that
// the client does not take it for a whole one.
func (s *Server) fail(w *reply, r *http.Request, err error) {
	s.log.Debug("call failed", "method", r.Method, "path", r.URL.Path, "error", err)
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	if s.ending.Err() != nil && errors.Is(err, context.Canceled) {
		err = api.Errorf(api.SwitchUnreachable, nil, "the switch is ending")
	}
	e := api.AsError(err)
	status := statusOf(e)
	if f, ok := errors.AsType[*failure](err); ok {
		status = f.status
	}
	if status == http.StatusUpgradeRequired {
		// RFC 9110, section 15.5.22: the answer names what is spoken here.
		w.Header().Set("Upgrade", "vswitch/"+strconv.Itoa(api.Version))
		w.Header().Set("Connection", "Upgrade, close")
	}
	_ = w.json(status, e)
}

// failure is an error with a status that its code does not tell.
type failure struct {
	status int
	err    *api.Error
}

func withStatus(status int, err *api.Error) error { return &failure{status, err} }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// statusOf maps what the program would exit with to HTTP (RFC 9110, section 15).
func statusOf(e *api.Error) int {
	if e.Code == api.VersionMismatch {
		return http.StatusUpgradeRequired
	}
	switch e.Exit() {
	case api.ExitUsage, api.ExitNotExec, api.ExitNoCommand:
		return http.StatusBadRequest
	case api.ExitNotFound:
		return http.StatusNotFound
	case api.ExitConflict:
		return http.StatusConflict
	case api.ExitExpectation, api.ExitNothing:
		return http.StatusUnprocessableEntity
	case api.ExitUnreachable:
		return http.StatusServiceUnavailable
	case api.ExitTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
