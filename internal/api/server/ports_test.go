package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/api"
)

// What publishes and unpublishes arrives as it was written, a port without bindings
// apart from one with an empty list.
func TestPortBodies(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	const path = "/v1/containers/web/ports"
	bindings := func(all ...api.PortBinding) map[string][]api.PortBinding {
		return map[string][]api.PortBinding{"80/tcp": all}
	}
	for body, want := range map[string]api.PortPublish{
		`{}`: {}, `null`: {},
		`{"PortBindings":{"80/tcp":null}}`:                                           {PortBindings: bindings()},
		`{"PortBindings":{"80/tcp":[]}}`:                                             {PortBindings: bindings([]api.PortBinding{}...)},
		`{"PortBindings":{"80/tcp":[{}]},"PublishMode":"splice"}`:                    {PortBindings: bindings(api.PortBinding{}), PublishMode: "splice"},
		`{"PortBindings":{"80/tcp":[{"HostIp":"::1","HostPort":"8000-8010"}]}}`:      {PortBindings: bindings(api.PortBinding{HostIP: "::1", HostPort: "8000-8010"})},
		`{"PortBindings":{"\u0000/../x":[{"HostIp":"nobody","HostPort":"-99999"}]}}`: {PortBindings: map[string][]api.PortBinding{"\x00/../x": {{HostIP: "nobody", HostPort: "-99999"}}}},
	} {
		if a := r.do(t, "POST", path, body); a.status != 200 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		name, args := b.asked()
		if d := cmp.Diff([]any{"web", want}, args); name != "Publish" || d != "" {
			t.Errorf("%s: asked %s\n%s", body, name, d)
		}
	}
	r.do(t, "POST", path+"/remove", `{"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}}`)
	name, args := b.asked()
	if d := cmp.Diff([]any{"web", api.PortUnpublish{PortBindings: bindings(api.PortBinding{HostPort: "8080"})}}, args); name != "Unpublish" || d != "" {
		t.Errorf("asked %s\n%s", name, d)
	}
}

// Nothing is published by a body that is not as it should be.
func TestHostilePortBodies(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	many := strings.Repeat(`{"HostPort":"1"},`, 70000)
	for _, tt := range []struct {
		body, why string
		status    int
	}{
		{``, "it has no body", 400},
		{`{"PortBindings":{"80/tcp":[{"HostPort":8080}]}}`, "takes string, not number", 400},
		{`{"PortBindings":{"80/tcp":[{"HostPort":"8080","HostIP6":""}]}}`, `unknown field "HostIP6"`, 400},
		{`{"PortBindings":{"80/tcp":{"HostPort":"8080"}}}`, "not object", 400},
		{`{"PortBindings":["80/tcp"]}`, "not array", 400},
		{`{"PortBindings":{"80/tcp":["8080"]}}`, "takes api.PortBinding, not string", 400},
		{`{"PortBindings":{},"ExposedPorts":{}}`, `unknown field "ExposedPorts"`, 400},
		{`{"PortBindings":{"80/tcp":[{}]}} {}`, "something follows the JSON value", 400},
		{`{"PortBindings":{"80/tcp":[{}`, "its body ends in the middle", 400},
		{`{"PortBindings":{"80/tcp":[` + many + `{}]}}`, "its body is longer than 1048576 bytes", 413},
		{`{"PortBindings":{"80/tcp":` + strings.Repeat("[", 20000), "exceeded max depth", 400},
	} {
		for _, path := range []string{"/v1/containers/web/ports", "/v1/containers/web/ports/remove"} {
			a := r.do(t, "POST", path, tt.body)
			if e := a.error(t); a.status != tt.status || e.Code != api.InvalidValue || !strings.Contains(e.Why, tt.why) {
				t.Errorf("%s %.60s: %d %s\nwant why %q", path, tt.body, a.status, a.body, tt.why)
			}
		}
	}
	for _, path := range []string{"/v1/containers//ports", "/v1/containers/web/ports/", "/v1/containers/web/ports/remove/80"} {
		if a := r.do(t, "POST", path, "{}"); a.status < 300 || a.status >= 500 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := r.do(t, "GET", "/v1/containers/web/ports", ""); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, allowed %q", a.status, a.header.Get("Allow"))
	}
	for _, query := range []string{"container=web", "network=lan&x", "network=%zz"} {
		if a := r.do(t, "GET", "/v1/connections?"+query, ""); a.status != 400 {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if name, _ := b.asked(); name != "" {
		t.Errorf("%s was called all the same", name)
	}
}

// No port is {}, as no row is [].
func TestNoPortsIsNotNull(t *testing.T) {
	r := serve(t, portless{})
	for _, path := range []string{"/v1/containers/web/ports", "/v1/containers/web/ports/remove"} {
		if a := r.do(t, "POST", path, "{}"); a.status != 200 || a.body != `{"Ports":{}}`+"\n" {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
}

// portless is a Backend on which nothing is published.
type portless struct{ Backend }

func (portless) Publish(context.Context, string, api.PortPublish) (api.Ports, error) {
	return api.Ports{}, nil
}
func (portless) Unpublish(context.Context, string, api.PortUnpublish) (api.Ports, error) {
	return api.Ports{}, nil
}

// A body is answered, whatever it is: what reaches the backend is JSON, and nothing
// else is refused than what package api does not have.
func FuzzPublish(f *testing.F) {
	for _, body := range []string{
		`{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]},"PublishMode":"source"}`,
		`{"portbindings":{"":null}}`, `{"PortBindings":{"a":[{"HostPort":1}]}}`, `null{`, "{\"PublishMode\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	s := New(Config{Backend: new(fake), UID: os.Geteuid()})
	owner := context.WithValue(context.Background(), peerKey{}, syscall.Ucred{Uid: uint32(os.Geteuid())})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		s.handle(w, httptest.NewRequestWithContext(owner, "POST", "/v1/containers/web/ports", bytes.NewReader(body)))
		var p api.PortPublish
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		good := json.Valid(body) && dec.Decode(&p) == nil
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[good]; w.Code != want {
			t.Fatalf("%q: %d, want %d; %s", body, w.Code, want, w.Body)
		}
	})
}
