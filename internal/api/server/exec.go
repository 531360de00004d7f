package server

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"

	"vswitch/internal/api"
)

// beginner starts a program, with the caller's descriptors or nil.
type beginner func(ctx context.Context, files []*os.File) (Run, error)

// start starts a container's program.
func start(s *Server, w *reply, r *http.Request) error {
	var q api.Start
	if err := s.decode(w, r, &q, true); err != nil {
		return err
	}
	if q.Attach && !upgrades(r) {
		return invalid(r, "Attach needs the headers  Connection: Upgrade  and  Upgrade: "+api.Upgrade)
	}
	return s.begin(w, r, func(ctx context.Context, files []*os.File) (Run, error) {
		return s.cfg.Backend.Start(ctx, r.PathValue("ref"), files)
	})
}

// exec runs one more program in a container.
func exec(s *Server, w *reply, r *http.Request) error {
	var q api.Exec
	if err := s.decode(w, r, &q, false); err != nil {
		return err
	}
	if len(q.Cmd) == 0 || q.Cmd[0] == "" {
		return invalid(r, "Cmd names no program")
	}
	return s.begin(w, r, func(ctx context.Context, files []*os.File) (Run, error) {
		return s.cfg.Backend.Exec(ctx, r.PathValue("ref"), q, files)
	})
}

// begin starts a program with the caller's descriptors where the request asks for
// the upgrade, otherwise on its own.
func (s *Server) begin(w *reply, r *http.Request, do beginner) error {
	if upgrades(r) {
		return s.attached(w, r, do)
	}
	run, err := do(r.Context(), nil)
	if err != nil {
		return err
	}
	return put(w, started(run), nil)
}

// upgrades reports whether the request asks for our protocol. HTTP/1.0 cannot, and
// other protocols are not ours to refuse (RFC 9110, section 7.8).
func upgrades(r *http.Request) bool {
	return r.ProtoAtLeast(1, 1) && hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", api.Upgrade)
}

// hasToken looks for a word in a header that is a list.
func hasToken(h http.Header, name, token string) bool {
	return slices.ContainsFunc(h.Values(name), func(line string) bool {
		return slices.ContainsFunc(strings.Split(line, ","), func(word string) bool {
			return strings.EqualFold(strings.TrimSpace(word), token)
		})
	})
}

// started and exited are the events of a run; failed is in place of both.

func started(run Run) api.Event {
	return api.Event{Type: "started", Exec: run.ID(), PID: run.PID()}
}

func exited(run Run, code int, err error) api.Event {
	return api.Event{Type: "exited", Exec: run.ID(), PID: run.PID(), Code: code, Error: api.AsError(err)}
}

func failed(err error) api.Event {
	e := api.AsError(err)
	return api.Event{Type: "exited", Code: int(e.Exit()), Error: e}
}
