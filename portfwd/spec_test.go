package portfwd

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseSpec(t *testing.T) {
	for in, want := range map[string][]Spec{
		"80":                   {{Proto: TCP, Port: 80}},
		"0:80":                 {{Proto: TCP, Port: 80}},
		"8080:80":              {{Proto: TCP, HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"8080:80/udp":          {{Proto: UDP, HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"8080:80/UDP":          {{Proto: UDP, HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"53/tcp":               {{Proto: TCP, Port: 53}},
		"127.0.0.1:8080:80":    {{Proto: TCP, HostIP: addr("127.0.0.1"), HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"127.0.0.1::80":        {{Proto: TCP, HostIP: addr("127.0.0.1"), Port: 80}},
		"[::1]:8080:80":        {{Proto: TCP, HostIP: addr("::1"), HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"::1:8080:80":          {{Proto: TCP, HostIP: addr("::1"), HostPort: 8080, HostPortEnd: 8080, Port: 80}},
		"[::]::80":             {{Proto: TCP, HostIP: addr("::"), Port: 80}},
		"::ffff:1.2.3.4:80:80": {{Proto: TCP, HostIP: addr("1.2.3.4"), HostPort: 80, HostPortEnd: 80, Port: 80}},
		"8000-8010:80":         {{Proto: TCP, HostPort: 8000, HostPortEnd: 8010, Port: 80}},
		"8000-8000:80-80":      {{Proto: TCP, HostPort: 8000, HostPortEnd: 8000, Port: 80}},
		"80-82":                {{Proto: TCP, Port: 80}, {Proto: TCP, Port: 81}, {Proto: TCP, Port: 82}},
		"9000-9001:80-81/udp": {
			{Proto: UDP, HostPort: 9000, HostPortEnd: 9000, Port: 80},
			{Proto: UDP, HostPort: 9001, HostPortEnd: 9001, Port: 81},
		},
	} {
		got, err := ParseSpec(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", in, got, err, want)
		}
	}
}

// TestParseSpecErrors compares with the sentences that Docker prints.
func TestParseSpecErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "no port specified: <empty>",
		"8080:":                 "no port specified: 8080:<empty>",
		"/udp":                  "no port specified: /udp<empty>",
		"a:80":                  "invalid hostPort: a",
		"80:b":                  "invalid containerPort: b",
		"70000:80":              "invalid hostPort: 70000",
		"80:70000":              "invalid containerPort: 70000",
		"9-8:80":                "invalid hostPort: 9-8",
		"8000-8010:80-81":       "invalid ranges specified for container and host Ports: 80-81 and 8000-8010",
		"80/icmp":               "invalid proto: icmp",
		"1.2.3:80:80":           "invalid IP address: 1.2.3",
		"localhost:80:80":       "invalid IP address: localhost",
		"[::1:80:80":            "invalid IP address",
		"[fe80::1%eth0]:80:80":  "invalid IP address: fe80::1%eth0",
		"80/sctp":               "published sctp ports need an uplink that carries packets",
		"8080:0":                "port 0 cannot be published",
		"0-5:80":                "port 0 cannot be published",
		"127.0.0.1:8080:80:tcp": "invalid IP address",
	} {
		got, err := ParseSpec(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{"80/sctp": ErrProtocol, "80:0/udp": ErrPort, "0-5:80": ErrPort} {
		if _, err := ParseSpec(in); !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSpecString(t *testing.T) {
	for in, want := range map[string]string{
		"80":               "80/tcp",
		"8080:80":          "8080:80/tcp",
		"8000-8010:80/udp": "8000-8010:80/udp",
		"127.0.0.1::80":    "127.0.0.1::80/tcp",
		"::1:8080:80":      "[::1]:8080:80/tcp",
	} {
		if got := spec(t, in).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := spec(t, "8000-8010:80").At(8003).String(); got != "8003:80/tcp" {
		t.Error(got)
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{
		"80", "127.0.0.1:8000-8010:80/udp", "[::1]::53", "1-3:4-6/sctp", "::ffff:1.2.3.4:1:2", "0:80", "[fe80::1%1]:1:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		specs, err := ParseSpec(s)
		if err != nil {
			return
		}
		if len(specs) == 0 {
			t.Fatalf("%q: nothing, and no error", s)
		}
		for _, want := range specs {
			if got := spec(t, want.String()); got != want {
				t.Fatalf("%q: %+v came back as %+v", s, want, got)
			}
		}
		back, err := FromBindings(ToBindings(specs))
		if err != nil || !slices.Equal(back, specs) {
			t.Fatalf("%q: %v, through the API %v, %v", s, specs, back, err)
		}
	})
}
