package server

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// Call describes one call of the API.
type Call struct {
	Method string `json:"method"`
	// Path has the variable parts in braces.
	Path string `json:"path"`
	// Query has the names of the parameters that the call takes.
	Query []string `json:"query,omitempty"`
	// Does is one sentence without its full stop.
	Does string `json:"does"`
	// Request and Answer name the types of the bodies as package api has them;
	// empty where there is none, "text" and "lines of T" for streams.
	Request string `json:"request,omitempty"`
	Answer  string `json:"answer,omitempty"`
}

// Calls is the answer of GET /v1/.
type Calls struct {
	Schema string `json:"schema"`
	Calls  []Call `json:"calls"`
}

// List returns all calls in the order of the table.
func List() []Call {
	var all []Call
	for _, rt := range table() {
		all = append(all, rt.Call)
	}
	return all
}

// route is a call and what serves it.
type route struct {
	Call
	// waits says that the call may take for ever: it ends with the server.
	waits bool
	serve func(s *Server, w *reply, r *http.Request) error
}

// pattern is the route in http.ServeMux's language.
func (rt route) pattern() string {
	p := rt.Method + " " + rt.Path
	if strings.HasSuffix(p, "/") {
		p += "{$}"
	}
	return p
}

// with names the query parameters.
func (rt route) with(query ...string) route {
	rt.Query = query
	return rt
}

// gives names an answer that is no JSON value.
func (rt route) gives(answer string) route {
	rt.Answer = answer
	return rt
}

// endless marks a call that may take for ever.
func (rt route) endless() route {
	rt.waits = true
	return rt
}

// newRoute makes the route of a call with a body Q and an answer A.
func newRoute[Q, A any](method, path, does string, serve func(*Server, *reply, *http.Request) error) route {
	return route{
		Call:  Call{Method: method, Path: path, Does: does, Request: typeName[Q](), Answer: typeName[A]()},
		serve: serve,
	}
}

// none stands for a body that is not there.
type none struct{}

// typeName names a type as a reader of package api knows it.
func typeName[T any]() string {
	t := reflect.TypeFor[T]()
	if t == reflect.TypeFor[none]() {
		return ""
	}
	return t.String()
}

// The forms that calls have. Each takes a method of Backend as it stands.

// plain is a call that takes nothing.
func plain[A any](method, path, does string, do func(Backend, context.Context) (A, error)) route {
	return newRoute[none, A](method, path, does, func(s *Server, w *reply, r *http.Request) error {
		a, err := do(s.cfg.Backend, r.Context())
		return put(w, a, err)
	})
}

// one is a call that takes a ref.
func one[A any](method, path, does string, do func(Backend, context.Context, string) (A, error)) route {
	return newRoute[none, A](method, path, does, func(s *Server, w *reply, r *http.Request) error {
		a, err := do(s.cfg.Backend, r.Context(), r.PathValue("ref"))
		return put(w, a, err)
	})
}

// rows is a table, of one network or of all.
func rows[A any](path, does string, do func(Backend, context.Context, string) ([]A, error)) route {
	return newRoute[none, []A]("GET", path, does, func(s *Server, w *reply, r *http.Request) error {
		a, err := do(s.cfg.Backend, r.Context(), r.URL.Query().Get("network"))
		return put(w, a, err)
	}).with("network")
}

// ask is a call that takes a body and answers.
func ask[Q, A any](path, does string, do func(Backend, context.Context, Q) (A, error)) route {
	return newRoute[Q, A]("POST", path, does, func(s *Server, w *reply, r *http.Request) error {
		var q Q
		if err := s.decode(w, r, &q, false); err != nil {
			return err
		}
		a, err := do(s.cfg.Backend, r.Context(), q)
		return put(w, a, err)
	})
}

// order is a call that takes a ref and a body and answers nothing.
func order[Q any](path, does string, do func(Backend, context.Context, string, Q) error) route {
	return newRoute[Q, none]("POST", path, does, func(s *Server, w *reply, r *http.Request) error {
		var q Q
		if err := s.decode(w, r, &q, false); err != nil {
			return err
		}
		return put(w, none{}, do(s.cfg.Backend, r.Context(), r.PathValue("ref"), q))
	})
}

// change is a call that takes a ref and a body and answers what there is then.
func change[Q, A any](path, does string, do func(Backend, context.Context, string, Q) (A, error)) route {
	return newRoute[Q, A]("POST", path, does, func(s *Server, w *reply, r *http.Request) error {
		var q Q
		if err := s.decode(w, r, &q, false); err != nil {
			return err
		}
		a, err := do(s.cfg.Backend, r.Context(), r.PathValue("ref"), q)
		return put(w, a, err)
	})
}

// drop removes what a ref names.
func drop(path, does string, do func(Backend, context.Context, string) error) route {
	return newRoute[none, none]("DELETE", path, does, func(s *Server, w *reply, r *http.Request) error {
		return put(w, none{}, do(s.cfg.Backend, r.Context(), r.PathValue("ref")))
	})
}

// wait waits for the program of a ref, or of the ID of a run.
func wait(path, does string, do func(Backend, context.Context, string) (int, error)) route {
	return newRoute[none, api.Wait]("GET", path, does, func(s *Server, w *reply, r *http.Request) error {
		code, err := do(s.cfg.Backend, r.Context(), cmp.Or(r.PathValue("ref"), r.PathValue("id")))
		return put(w, api.Wait{StatusCode: code}, err)
	}).endless()
}

// put answers with a: 201 for what was made, 204 for nothing. A list is never null.
func put[A any](w *reply, a A, err error) error {
	if err != nil {
		return err
	}
	switch v := any(&a).(type) {
	case *none:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case *api.Created:
		return w.json(http.StatusCreated, a)
	case *api.Ports:
		if v.Ports == nil {
			v.Ports = map[string][]api.PortBinding{}
		}
	}
	if v := reflect.ValueOf(&a).Elem(); v.Kind() == reflect.Slice && v.IsNil() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	return w.json(http.StatusOK, a)
}

// isTrue reads a query parameter that is true or false; absent is false.
func isTrue(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid(r, "the query parameter "+name+" takes true or false, not "+strconv.Quote(text))
	}
	return v, nil
}
