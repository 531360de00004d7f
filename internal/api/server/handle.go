package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// handle is the way of every request: who asks, in which version, which call.
func (s *Server) handle(rw http.ResponseWriter, r *http.Request) {
	w := &reply{ResponseWriter: rw}
	defer s.rescue(w, r)
	s.name(w.Header())
	if err := s.admit(r); err != nil {
		w.Header().Set("Connection", "close")
		s.fail(w, r, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// name puts the versions into a header.
func (s *Server) name(h http.Header) {
	h.Set(api.HeaderAPI, strconv.Itoa(api.Version))
	h.Set(api.HeaderVersion, s.cfg.Version)
}

// admit refuses peers of other users and clients of another version.
func (s *Server) admit(r *http.Request) error {
	peer := peerOf(r.Context())
	if peer.Uid != uint32(s.cfg.UID) && peer.Uid != 0 {
		s.refused.Add(1)
		s.log.Warn("a peer of another user was refused", "uid", peer.Uid, "pid", peer.Pid)
		return withStatus(http.StatusForbidden,
			api.Errorf(api.SwitchUnreachable, nil, "this switch belongs to another user").
				Because("its owner is uid %d, the caller is uid %d", s.cfg.UID, peer.Uid).
				WithFix("start a switch of your own:  vswitch up"))
	}
	if theirs := r.Header.Get(api.HeaderAPI); theirs != "" && theirs != strconv.Itoa(api.Version) {
		return api.Errorf(api.VersionMismatch, nil, "the switch does not speak this program's version of the API").
			Because("the switch is version %s and speaks API %d, the program is version %s and speaks API %.20s",
				s.cfg.Version, api.Version, cmp.Or(r.Header.Get(api.HeaderVersion), "unknown"), theirs)
	}
	return nil
}

// register makes the routes known, and what answers where there is none.
func (s *Server) register(routes []route) {
	for _, rt := range routes {
		s.calls = append(s.calls, rt.Call)
		s.mux.HandleFunc(rt.pattern(), func(w http.ResponseWriter, r *http.Request) {
			s.answer(rt, w.(*reply), r)
		})
	}
	s.mux.HandleFunc(anything, func(w http.ResponseWriter, r *http.Request) {
		s.fail(w.(*reply), r, s.unknown(w, r))
	})
}

// answer runs one call and answers its error.
func (s *Server) answer(rt route, w *reply, r *http.Request) {
	s.log.Debug("call", "method", r.Method, "path", r.URL.Path, "pid", peerOf(r.Context()).Pid)
	err := rt.knows(r)
	if err == nil && rt.waits {
		var done func()
		r, done = s.endable(r)
		defer done()
	}
	if err == nil {
		err = rt.serve(s, w, r)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// endable makes a request whose context also ends with the server.
func (s *Server) endable(r *http.Request) (_ *http.Request, done func()) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.ending, cancel)
	return r.WithContext(ctx), func() { stop(); cancel() }
}

// anything matches what no call does.
const anything = "/"

// unknown says that a path does not exist, or not with this method.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := &http.Request{Method: method, Host: r.Host, URL: r.URL}
		if _, pattern := s.mux.Handler(other); pattern != anything {
			allowed = append(allowed, method)
		}
	}
	err := api.Errorf(api.UnknownCommand, nil, "there is no call %.10s %.200s", r.Method, r.URL.Path).
		WithFix("see all calls:  GET /v1/")
	if allowed == nil {
		return withStatus(http.StatusNotFound, err)
	}
	allow := strings.Join(allowed, ", ")
	w.Header().Set("Allow", allow)
	return withStatus(http.StatusMethodNotAllowed, err.Because("the path takes %s", allow))
}

// knows refuses query parameters that the call does not have.
func (rt route) knows(r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid(r, "the query cannot be read: "+api.Reason(err))
	}
	for name := range q {
		if !slices.Contains(rt.Query, name) {
			return invalid(r, "the call has no query parameter "+strconv.Quote(name))
		}
	}
	return nil
}

// rescue answers a panic as an error and keeps the process. What was answered in
// part is cut off.
func (s *Server) rescue(w *reply, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.fail(w, r, s.panicked(r, p))
}

// panicked logs a panic and makes an error of it.
func (s *Server) panicked(r *http.Request, p any) error {
	s.log.Error("a call panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	return api.Errorf(api.Unexpected, nil, "the switch failed in %s %s", r.Method, r.URL.Path).
		Because("%v; its log has more", p)
}
