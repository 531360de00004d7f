package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

func TestUnknownCalls(t *testing.T) {
	r := serve(t, new(fake))
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/v1/nothing", 404, ""},
		{"GET", "/v2/status", 404, ""},
		{"POST", "/v1/networks/", 404, ""},
		{"GET", "/v1/networks/a/b/c", 404, ""},
		{"POST", "/v1/status", 405, "GET"},
		{"PUT", "/v1/networks", 405, "GET, POST"},
		{"OPTIONS", "/v1/networks/x", 405, "GET, DELETE"},
		{"PATCH", "/metrics", 405, "GET"},
		{"DELETE", "/v1/containers/x/start", 405, "POST"},
	}
	for _, tt := range tests {
		a := r.do(t, tt.method, tt.path, "")
		if e := a.error(t); a.status != tt.status || a.header.Get("Allow") != tt.allow || e.Code != api.UnknownCommand {
			t.Errorf("%s %s: %d, allow %q, %s", tt.method, tt.path, a.status, a.header.Get("Allow"), a.body)
		}
	}
}

// Every answer names both versions, errors and streams among them.
func TestAnswersNameTheVersion(t *testing.T) {
	r := serve(t, new(fake))
	for _, path := range []string{"/v1/status", "/nothing", "/metrics", "/v1/containers/x/logs", "/v1//status", "/v1/networks?x=1"} {
		h := r.do(t, "GET", path, "").header
		if h.Get(api.HeaderAPI) != strconv.Itoa(api.Version) || h.Get(api.HeaderVersion) != "1.2.3" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestAnotherVersionIsRefused(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	a := r.do(t, "POST", "/v1/networks", `{"Name":"x"}`, api.HeaderAPI, "2", api.HeaderVersion, "9.9")
	e := a.error(t)
	if a.status != http.StatusUpgradeRequired || e.Code != api.VersionMismatch || a.header.Get("Upgrade") == "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	for _, part := range []string{"1.2.3", "9.9", "API 1", "API 2"} {
		if !strings.Contains(e.Why, part) {
			t.Errorf("why %q lacks %q", e.Why, part)
		}
	}
	if name, _ := b.asked(); name != "" {
		t.Errorf("%s was called all the same", name)
	}
	if a := r.do(t, "GET", "/v1/status", "", api.HeaderAPI, "1"); a.status != 200 {
		t.Errorf("the same version: %d", a.status)
	}
}

// What the program would exit with decides the status.
func TestStatusOfErrors(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	tests := map[api.Code]int{
		api.InvalidValue: 400, api.AddressOutside: 400, api.NoCommand: 400, api.NotExecutable: 400,
		api.UnknownName: 404, api.NameExists: 409, api.PortInUse: 409, api.NotRunning: 409,
		api.SwitchUnreachable: 503, api.StateNewer: 503, api.VersionMismatch: 426, api.TimedOut: 504,
		api.TunClosed: 500, api.Unexpected: 500, api.RunFailed: 500, api.NothingToTest: 422,
	}
	for code, status := range tests {
		b.fail = api.Errorf(code, nil, "no")
		if a := r.do(t, "GET", "/v1/status", ""); a.status != status || a.error(t).Code != code {
			t.Errorf("%s: %d %s, want %d", code, a.status, a.body, status)
		}
	}
	b.fail = errors.New("chain: of: errors")
	if a := r.do(t, "GET", "/v1/status", ""); a.status != 500 || a.error(t).Code != api.Unexpected {
		t.Errorf("an error without a code: %d %s", a.status, a.body)
	}
}

// What JSON cannot say is an error with a status, not half an answer.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	w := &reply{ResponseWriter: httptest.NewRecorder()}
	if err := w.json(http.StatusOK, math.NaN()); api.AsError(err).Code != api.Unexpected || w.begun {
		t.Errorf("%v, begun %v", err, w.begun)
	}
}

func TestQueryIsStrict(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	for _, path := range []string{
		"/v1/containers?al=true", "/v1/containers?all=maybe", "/v1/status?x", "/v1/fdb?Network=lan",
		"/v1/containers?all=true;x", "/v1/containers?%zz", "/v1/containers/x/logs?follow=2",
	} {
		if a := r.do(t, "GET", path, ""); a.status != 400 || a.error(t).Code != api.InvalidValue {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, all := range map[string]bool{"/v1/containers": false, "/v1/containers?all=": false, "/v1/containers?all=1": true, "/v1/containers?all=false": false} {
		r.do(t, "GET", path, "")
		if _, args := b.asked(); args[0] != all {
			t.Errorf("%s: all is %v", path, args[0])
		}
	}
}

// A panic costs one call, and its log says where it was.
func TestPanicIsAnswered(t *testing.T) {
	b := &fake{waits: func(context.Context, string) (int, error) { panic("a defect") }}
	r := serve(t, b)
	a := r.do(t, "GET", "/v1/containers/web/wait", "")
	if e := a.error(t); a.status != 500 || e.Code != api.Unexpected || !strings.Contains(e.Why, "a defect") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if log := r.log.String(); !strings.Contains(log, "a defect") || !strings.Contains(log, "handle_test.go") {
		t.Errorf("the log lacks the stack: %s", log)
	}
	if _, err := r.client.Status(within(t)); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

// Whatever is asked, the answer is JSON or a stream of this API, and nothing panics.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/status", "", "")
	f.Add("POST", "/v1/networks", "", `{"Name":"lan","IPAM":{"Config":[{"Subnet":"10.0.0.0/8"}]}}`)
	f.Add("POST", "/v1/containers/%2e%2e/exec", "", `{"Cmd":["a"]} x`)
	f.Add("DELETE", "/v1/containers/x", "force=1&force=2", "")
	f.Add("GET", "/v1//../metrics", "a=%", "{")
	s := New(Config{Backend: &fake{start: fakeStart}, UID: os.Geteuid()})
	owner := context.WithValue(context.Background(), peerKey{}, syscall.Ucred{Uid: uint32(os.Geteuid())})
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		req, err := http.NewRequestWithContext(owner, method, "http://x", strings.NewReader(body))
		if err != nil {
			return
		}
		if req.URL, err = req.URL.Parse(path); err != nil || !strings.HasPrefix(req.URL.Path, "/") {
			return
		}
		req.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.handle(w, req)
		if w.Code >= 400 {
			if e := (answered{w.Code, w.Header(), w.Body.String()}).error(t); e.Code == api.Unexpected {
				t.Fatalf("%s %s %q: %s", method, path, body, w.Body)
			}
		}
	})
}

func fakeStart(context.Context, string, []*os.File) (Run, error) { return newRun(), nil }
