package server

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The calls of the API are a contract: what changes here changes for everybody.
func TestListOfCalls(t *testing.T) {
	var b strings.Builder
	for _, c := range List() {
		query := ""
		if c.Query != nil {
			query = "?" + strings.Join(c.Query, "&")
		}
		fmt.Fprintf(&b, "%-6s %s%s\n       %s\n       (%s) -> (%s)\n", c.Method, c.Path, query, c.Does, c.Request, c.Answer)
	}
	const path = "testdata/calls.golden"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the calls differ; look at the change, then: go test ./internal/api/server -update\n%s", d)
	}
}

// The API tells its calls itself, and each is one that answers.
func TestCallsAnswerAsListed(t *testing.T) {
	r := serve(t, &fake{fail: api.Errorf(api.ObjectInUse, nil, "asked")})
	var list Calls
	must(t, json.Unmarshal([]byte(r.do(t, "GET", "/v1/", "").body), &list))
	if list.Schema != api.Schema("calls") || !reflect.DeepEqual(list.Calls, List()) {
		t.Errorf("the list differs: %+v", list)
	}
	bodies := map[string]string{"api.Exec": `{"Cmd":["true"]}`}
	for _, c := range list.Calls[1:] {
		body := bodies[c.Request]
		if body == "" && c.Request != "" {
			body = "{}"
		}
		path := strings.NewReplacer("{ref}", "x", "{id}", "x").Replace(c.Path)
		a := r.do(t, c.Method, path, body)
		if e := a.error(t); a.status != 409 || e.Message != "asked" {
			t.Errorf("%s %s answered %d %s", c.Method, path, a.status, a.body)
		}
	}
}

// streams are the methods whose form differs between the two ends.
var streams = []string{"Start", "Exec", "Down", "Metrics", "Logs"}

// Every method of Backend is one of Client with the same parameters, and what goes
// in at one end comes out at the other.
func TestRoundTrip(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	methods := reflect.TypeFor[Backend]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		here := reflect.ValueOf(r.client).MethodByName(m.Name)
		if !here.IsValid() {
			t.Errorf("the client has no %s", m.Name)
			continue
		}
		if slices.Contains(streams, m.Name) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			if here.Type() != m.Type {
				t.Fatalf("the client's is %v, want %v", here.Type(), m.Type)
			}
			in := arguments(within(t), m.Type)
			roundTrip(t, b, m.Name, in, here.Call(in))
		})
	}
}

// arguments makes filled arguments.
func arguments(ctx context.Context, f reflect.Type) []reflect.Value {
	in := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < f.NumIn(); i++ {
		v := reflect.New(f.In(i)).Elem()
		fill(v)
		in = append(in, v)
	}
	return in
}

// roundTrip compares what was asked and answered with what was sent and expected.
func roundTrip(t *testing.T, b *fake, name string, in, out []reflect.Value) {
	t.Helper()
	if err := out[len(out)-1]; !err.IsNil() {
		t.Fatal(err)
	}
	got, args := b.asked()
	if got != name || len(args) != len(in)-1 {
		t.Fatalf("asked %s %v", got, args)
	}
	for i, a := range args {
		if d := cmp.Diff(in[i+1].Interface(), a); d != "" {
			t.Errorf("argument %d differs:\n%s", i, d)
		}
	}
	if len(out) == 2 {
		want := reflect.New(out[0].Type()).Elem()
		fill(want)
		opt := cmp.Comparer(func(x, y *api.Error) bool { return x.Text() == y.Text() })
		if d := cmp.Diff(want.Interface(), out[0].Interface(), opt); d != "" {
			t.Errorf("the answer differs:\n%s", d)
		}
	}
}

// An error arrives as it was: code, message, reason and fix, for every method.
func TestErrorsArriveIntact(t *testing.T) {
	want := api.Errorf(api.SubnetOverlap, nil, "cannot create network %q", "lan").
		Because("10.0.0.0/8 is a route of the host").WithFix("vswitch network create --subnet 10.1.0.0/24 lan && <you>")
	b := &fake{fail: fmt.Errorf("network: %w", want)}
	r := serve(t, b)
	methods := reflect.TypeFor[Backend]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		if slices.Contains(streams, m.Name) {
			continue
		}
		here := reflect.ValueOf(r.client).MethodByName(m.Name)
		out := here.Call(arguments(within(t), m.Type))
		same(t, m.Name, out[len(out)-1].Interface(), want)
	}
	ctx := within(t)
	_, err := r.client.Start(ctx, "web", nil)
	same(t, "Start", err, want)
	_, err = r.client.Start(ctx, "web", &[3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	same(t, "Start with files", err, want)
	_, err = r.client.Exec(ctx, "web", api.Exec{Cmd: []string{"sh"}}, [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	same(t, "Exec", err, want)
	same(t, "Down", r.client.Down(ctx, api.Down{}, nil), want)
	same(t, "Metrics", r.client.Metrics(ctx, new(bytes.Buffer)), want)
	same(t, "Logs", r.client.Logs(ctx, "web", false, new(bytes.Buffer)), want)
}

func same(t *testing.T, what string, err any, want *api.Error) {
	t.Helper()
	got, ok := err.(*api.Error)
	if !ok || got.Text() != want.Text() || got.Exit() != want.Exit() {
		t.Errorf("%s: %v", what, err)
	}
}

// A name is one segment of a path whatever it contains.
func TestStrangeNames(t *testing.T) {
	b := new(fake)
	r := serve(t, b)
	for _, name := range []string{"lan", "prune", ".", "..", "...", "a/b", "../../status", "a b", "?force=true", "#", "%", "%2e", "\u00e4", "\xff", "a//b"} {
		if _, err := r.client.Network(within(t), name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if method, args := b.asked(); method != "Network" || args[0] != name {
			t.Errorf("%q arrived as %s %q", name, method, args)
		}
		if err := r.client.Remove(within(t), name, true); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if method, args := b.asked(); method != "Remove" || args[0] != name || args[1] != true {
			t.Errorf("%q arrived as %s %q", name, method, args)
		}
	}
	for _, err := range []error{
		second(r.client.Network(within(t), "")), r.client.Remove(within(t), "", true), r.client.Stop(within(t), "", api.Stop{}),
	} {
		if api.AsError(err).Code != api.UnknownName {
			t.Errorf("an empty name: %v", err)
		}
	}
}

func second[A any](_ A, err error) error { return err }

// A list without rows is [], whatever the backend has.
func TestListsAreNeverNull(t *testing.T) {
	r := serve(t, nothing{})
	for _, path := range []string{"/v1/networks", "/v1/containers", "/v1/fdb", "/v1/leases", "/v1/ports", "/v1/connections", "/v1/mappings"} {
		if a := r.do(t, "GET", path, ""); a.body != "[]\n" || a.status != 200 {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
}

// nothing is a Backend with nothing in it.
type nothing struct{ Backend }

func (nothing) Networks(context.Context) ([]api.Network, error) { return nil, nil }
func (nothing) Containers(context.Context, bool) ([]api.ContainerSummary, error) {
	return nil, nil
}
func (nothing) FDB(context.Context, string) ([]api.Station, error)  { return nil, nil }
func (nothing) Leases(context.Context, string) ([]api.Lease, error) { return nil, nil }
func (nothing) Ports(context.Context, string) ([]api.PublishedPort, error) {
	return nil, nil
}
func (nothing) Connections(context.Context, string) ([]api.Connection, error) {
	return nil, nil
}
func (nothing) NATMappings(context.Context, string) ([]api.NATMapping, error) {
	return nil, nil
}
