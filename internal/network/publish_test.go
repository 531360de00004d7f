package network

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"vswitch/internal/api"
)

// published are port bindings, each "80/tcp=127.0.0.1:8080"; nothing behind the = is
// any place.
func published(specs ...string) api.Publish {
	p := api.Publish{PortBindings: map[string][]api.PortBinding{}}
	for _, s := range specs {
		port, at, _ := strings.Cut(s, "=")
		var b api.PortBinding
		if i := strings.LastIndexByte(at, ':'); i >= 0 {
			b.HostIP, b.HostPort = strings.Trim(at[:i], "[]"), at[i+1:]
		}
		p.PortBindings[port] = append(p.PortBindings[port], b)
	}
	return p
}

func (r *rig) publishing(name string, p api.Publish, endpoints ...api.EndpointConfig) error {
	r.t.Helper()
	_, err := r.CreateContainer(api.ContainerCreate{Name: name, Networks: endpoints, Publish: p})
	if err == nil {
		_, err = r.StartContainer(name, nil)
	}
	return err
}

// ports is where a container is published, sorted: "80/tcp 127.0.0.1:8080".
func (r *rig) ports(name string) []string {
	r.t.Helper()
	c, err := r.Container(name)
	must(r.t, err)
	var out []string
	for port, at := range c.NetworkSettings.Ports {
		for _, b := range at {
			out = append(out, port+" "+net.JoinHostPort(b.HostIP, b.HostPort))
		}
	}
	slices.Sort(out)
	return out
}

// freePort is a port of the loopback that nobody has at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// listens reports whether somebody listens on a port of 127.0.0.1.
func listens(t *testing.T, port string) bool {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err == nil {
		l.Close()
	}
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatal(err)
	}
	return err != nil
}

func TestPublishRefused(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	taken := freePort(t)
	must(t, r.publishing("first", published("80/tcp=127.0.0.1:"+taken), on("lan")...))
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer foreign.Close()
	theirs := strconv.Itoa(foreign.Addr().(*net.TCPAddr).Port)
	for _, tt := range []struct {
		name string
		p    api.Publish
		want api.Code
		says string
	}{
		{"not a port", published("web/tcp=127.0.0.1:0"), api.InvalidValue, ""},
		{"port 0", published("0/tcp"), api.InvalidValue, ""},
		{"a protocol without ports", published("1/icmp"), api.InvalidValue, ""},
		{"SCTP", published("80/sctp"), api.PublishProtocol, ""},
		{"not an address", published("80/tcp=localhost:80"), api.InvalidValue, ""},
		{"not a mode", api.Publish{PublishMode: "both"}, api.InvalidValue, "both"},
		{"another container's", published("80/tcp=127.0.0.1:" + taken), api.PortInUse, `by container "first"`},
		{"a foreign program's", published("80/tcp=127.0.0.1:" + theirs), api.PortInUse, ""},
		{"a range that is used up", published("80/tcp=127.0.0.1:" + taken + "-" + taken), api.PortInUse, ""},
		{"an address that the host has not", published("80/tcp=192.0.2.7:" + taken), api.HostAddressMissing, ""},
		{"the second of two", published("80/tcp=127.0.0.2:"+freePort(t), "81/tcp=127.0.0.1:"+taken), api.PortInUse, ""},
	} {
		before := r.tables()
		err := r.publishing("new", tt.p, on("lan")...)
		wants(t, tt.name, err, tt.want)
		if err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v does not say %q", tt.name, err, tt.says)
		}
		if b, _ := r.Container("new"); b.ID != "" {
			if b.State.Status == "running" {
				t.Errorf("%s: it runs", tt.name)
			}
			r.remove("new")
		}
		if after := r.tables(); !slices.Equal(before, after) {
			t.Errorf("%s: left %q, before %q", tt.name, after, before)
		}
	}
	if rows, err := r.PublishedPorts(""); len(rows) != 1 || err != nil {
		t.Errorf("%+v, %v", rows, err)
	}
}

// Publishing while a container runs is all or nothing, also where the record cannot be
// written.
func TestPublishIsUndone(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	taken, free, mine := freePort(t), "", ""
	must(t, r.publishing("first", published("80/tcp=127.0.0.1:"+taken), on("lan")...))
	mine = freePort(t)
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:"+mine), on("lan")...))
	free = freePort(t)
	before := r.ports("web")
	same := func(what string) {
		t.Helper()
		if after := r.ports("web"); !slices.Equal(after, before) {
			t.Errorf("%s: published at %q, before %q", what, after, before)
		}
		if listens(t, free) || !listens(t, mine) {
			t.Errorf("%s: port %s is open: %v, port %s: %v", what, free, listens(t, free), mine, listens(t, mine))
		}
	}
	p := published("81/tcp=127.0.0.1:"+free, "82/tcp=127.0.0.1:"+taken)
	_, err := r.Publish("web", api.PortPublish{PortBindings: p.PortBindings})
	wants(t, "one of two is taken", err, api.PortInUse)
	same("one of two is taken")
	more := published("81/tcp=127.0.0.1:" + free).PortBindings
	r.fault.arm(0)
	if _, err = r.Publish("web", api.PortPublish{PortBindings: more}); err == nil {
		t.Error("published, and not written")
	}
	r.fault.disarm()
	same("not written")
	r.fault.arm(0)
	if _, err = r.Unpublish("web", api.PortUnpublish{PortBindings: published("80/tcp").PortBindings}); err == nil {
		t.Error("unpublished, and not written")
	}
	r.fault.disarm()
	same("the end of one is not written")
	_, err = r.Unpublish("web", api.PortUnpublish{PortBindings: published("80/tcp=127.0.0.1:" + free).PortBindings})
	wants(t, "not there", err, api.NotPublished)
	_, err = r.Publish("web", api.PortPublish{PortBindings: more, PublishMode: api.PublishSplice})
	wants(t, "two modes", err, api.InvalidValue)
	same("refused")

	_, err = r.Publish("web", api.PortPublish{PortBindings: more})
	must(t, err)
	if got := r.ports("web"); len(got) != 2 || !listens(t, free) {
		t.Errorf("published at %q", got)
	}
	_, err = r.Unpublish("web", api.PortUnpublish{PortBindings: more})
	must(t, err)
	same("published and unpublished")
}

// Ports that the switch chose are kept over a restart, chosen anew at the next start,
// and given out again when their container has gone.
func TestChosenPorts(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	low, _ := strconv.Atoi(freePort(t))
	some := fmt.Sprintf("%d-%d", low, min(low+20, 65535))
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:", "53/udp=127.0.0.1:", "81/tcp=127.0.0.1:"+some), on("lan")...))
	before := r.ports("web")
	if len(before) != 3 {
		t.Fatalf("%q", before)
	}
	for range 2 {
		r.restart()
		r.quiet()
		if after := r.ports("web"); !slices.Equal(after, before) {
			t.Errorf("after a restart %q, before it %q", after, before)
		}
	}
	r.stop("web")
	if got := r.ports("web"); len(got) != 0 {
		t.Errorf("stopped, and published at %q", got)
	}
	r.begin("web")
	if got := r.ports("web"); len(got) != 3 {
		t.Errorf("started again, published at %q", got)
	}
}

// Who asks for one port gets it, whatever others could have it too.
func TestLeastChoiceFirst(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	at := freePort(t)
	low, _ := strconv.Atoi(at)
	must(t, r.publishing("web", published(
		fmt.Sprintf("80/tcp=127.0.0.1:%d-%d", low, min(low+20, 65535)), "90/tcp=127.0.0.1:"+at), on("lan")...))
	if got := r.ports("web"); len(got) != 2 || got[1] != "90/tcp 127.0.0.1:"+at {
		t.Errorf("%q", got)
	}
}

// A port whose place somebody has taken while no switch ran does not hold the container
// up: that is said where people look.
func TestPublishAfterRestartFails(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	port := freePort(t)
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:"+port), on("lan")...))
	r.close()
	foreign, err := net.Listen("tcp", "127.0.0.1:"+port)
	must(t, err)
	r.open()
	c, err := r.Container("web")
	must(t, err)
	if c.State.Status != "running" {
		t.Errorf("%+v", c.State)
	}
	r.mu.Lock()
	found := slices.Clone(r.found)
	r.found = nil
	r.mu.Unlock()
	if len(found) != 1 || !strings.Contains(found[0], port) {
		t.Errorf("said: %q", found)
	}
	must(t, foreign.Close())
	r.restart()
	r.quiet()
	if got := r.ports("web"); len(got) != 1 || !listens(t, port) {
		t.Errorf("published at %q", got)
	}
}
