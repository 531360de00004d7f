package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

func TestBodiesAreStrict(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	tests := []struct{ name, body, why string }{
		{"none", "", "it has no body"},
		{"white space", " \n", "it has no body"},
		{"cut", `{"Name":"lan"`, "its body ends in the middle"},
		{"syntax", `{"Name":lan}`, "at byte 9: invalid character 'l'"},
		{"unknown field", `{"Name":"lan","Nmae":1}`, `unknown field "Nmae"`},
		{"unknown field inside", `{"IPAM":{"Config":[{"Subnett":"x"}]}}`, `unknown field "Subnett"`},
		{"type", `{"Name":7}`, `field "Name" takes string, not number`},
		{"type inside", `{"IPAM":{"Config":[{"Subnet":true}]}}`, `field "IPAM.Config.Subnet" takes string, not bool`},
		{"two values", `{"Name":"lan"}{}`, "something follows the JSON value"},
		{"rubbish behind", `{"Name":"lan"} }`, "something follows the JSON value"},
		{"a list", `[]`, "takes api.NetworkCreate, not array"},
		{"deep", strings.Repeat("[", 20000), "exceeded max depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.do(t, "POST", "/v1/networks", tt.body)
			if e := a.error(t); a.status != 400 || e.Code != api.InvalidValue || !strings.Contains(e.Why, tt.why) {
				t.Errorf("%d %s\nwant why %q", a.status, a.body, tt.why)
			}
		})
	}
	if name, _ := b.asked(); name != "" {
		t.Errorf("%s was called all the same", name)
	}
}

// down and start mean something without a body.
func TestOptionalBodies(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	if a := r.do(t, "POST", "/v1/down", ""); a.status != 200 || a.body != "" {
		t.Errorf("down: %d %q", a.status, a.body)
	}
	a := r.do(t, "POST", "/v1/containers/web/start", "")
	if want := `{"type":"started","exec":"run1","pid":4711,"code":0}` + "\n"; a.status != 200 || a.body != want {
		t.Errorf("start: %d %q", a.status, a.body)
	}
	if a := r.do(t, "POST", "/v1/down", `{"Kepp":true}`); a.status != 400 {
		t.Errorf("down with an unknown field: %d", a.status)
	}
	if a := r.do(t, "POST", "/v1/containers/web/exec", `{"Cmd":[]}`); a.status != 400 {
		t.Errorf("exec of nothing: %d", a.status)
	}
	if a := r.do(t, "POST", "/v1/containers/web/start", `{"Attach":true}`); a.status != 400 {
		t.Errorf("attach without the upgrade: %d", a.status)
	}
}

func TestLargeBodies(t *testing.T) {
	r := serve(t, new(fake), func(c *Config) { c.MaxBody = 1000 })
	frame := len(`{"Name":""}`)
	tests := []struct {
		name, body string
		status     int
	}{
		{"at the limit", `{"Name":"` + strings.Repeat("x", 1000-frame) + `"}`, 201},
		{"one more", `{"Name":"` + strings.Repeat("x", 1001-frame) + `"}`, 413},
		{"white space behind", `{"Name":"x"}` + strings.Repeat(" ", 1000), 413},
		{"much more", strings.Repeat(" ", 1<<20), 413},
	}
	for _, tt := range tests {
		a := r.do(t, "POST", "/v1/networks", tt.body)
		if a.status != tt.status {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
		if tt.status != 201 && a.error(t).Code != api.InvalidValue {
			t.Errorf("%s: %s", tt.name, a.body)
		}
	}
}

// Only a single JSON object reaches the backend; encoding/json's own scanner is the
// judge.
func FuzzCreateNetwork(f *testing.F) {
	f.Add([]byte(`{"Name":"lan","EnableIPv4":false}`))
	f.Add([]byte(`{"name":"lan"}{`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"Name\":\"\xff\\ud800\",\"Labels\":{\"\":\"\"}}\n"))
	s := New(Config{Backend: new(fake), UID: os.Geteuid()})
	owner := context.WithValue(context.Background(), peerKey{}, syscall.Ucred{Uid: uint32(os.Geteuid())})
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequestWithContext(owner, "POST", "/v1/networks", bytes.NewReader(body))
		w := httptest.NewRecorder()
		s.handle(w, req)
		switch w.Code {
		case http.StatusCreated:
			if !json.Valid(body) {
				t.Fatalf("accepted %q", body)
			}
		case http.StatusBadRequest:
			var n api.NetworkCreate
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.DisallowUnknownFields()
			if dec.Decode(&n) == nil && json.Valid(body) {
				t.Fatalf("refused %q: %s", body, w.Body)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		_, err := io.Copy(io.Discard, req.Body)
		must(t, err)
	})
}
