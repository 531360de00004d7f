package portfwd

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/api"
)

func TestFromBindings(t *testing.T) {
	in := map[string][]api.PortBinding{
		"443/tcp": {{HostPort: "8443"}},
		"80/tcp":  {{HostIP: "::1", HostPort: "8080"}, {HostIP: "127.0.0.1", HostPort: "8000-8010"}},
		"53/udp":  {{}},
		"53/tcp":  {{HostIP: "10.0.0.1"}},
		"22":      {{HostPort: "2222"}},
		"9/tcp":   {},
	}
	want := []Spec{
		spec(t, "2222:22"), spec(t, "10.0.0.1::53"), spec(t, "53/udp"),
		spec(t, "[::1]:8080:80"), spec(t, "127.0.0.1:8000-8010:80"), spec(t, "8443:443"),
	}
	got, err := FromBindings(in)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	in["22/tcp"] = in["22"]
	delete(in, "22")
	delete(in, "9/tcp")
	if d := cmp.Diff(in, ToBindings(got)); d != "" {
		t.Error(d)
	}
}

func TestFromBindingsErrors(t *testing.T) {
	for _, in := range []map[string][]api.PortBinding{
		{"80/tcp": {{HostPort: "1:2"}}},
		{"80/tcp": {{HostIP: "::1", HostPort: "1:2"}}},
		{"80/tcp": {{HostIP: "1.2.3.4:5", HostPort: "6"}}},
		{"80/tcp": {{HostIP: "::1]", HostPort: "6"}}},
		{"80/sctp": {{HostPort: "6"}}},
		{"": {{HostPort: "6"}}},
	} {
		if got, err := FromBindings(in); err == nil {
			t.Errorf("%v: %v", in, got)
		}
	}
}

func TestPortMap(t *testing.T) {
	table := NewTable((&fakeHost{}).allocator(small, true), newCarrier(), nil)
	pubs, err := table.Publish("c", []Spec{spec(t, "8080:80"), spec(t, "127.0.0.1::53/udp")}, Options{Target: both})
	must(t, err)
	want := map[string][]api.PortBinding{
		"80/tcp": {{HostIP: "0.0.0.0", HostPort: "8080"}, {HostIP: "::", HostPort: "8080"}},
		"53/udp": {{HostIP: "127.0.0.1", HostPort: "40000"}},
	}
	if d := cmp.Diff(want, PortMap(pubs)); d != "" {
		t.Error(d)
	}
	must(t, table.UnpublishAll("c"))
}
