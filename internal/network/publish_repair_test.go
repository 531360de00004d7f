package network

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vswitch/internal/api"
)

// unsaid takes what was found so far.
func (r *rig) unsaid() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.found
	r.found = nil
	return found
}

// publishError is why a container's ports are not published, as its record has it.
func (r *rig) publishError(name string) string {
	b := r.box(name)
	return b.record().PublishError
}

// half makes a container with two published ports, of which another program has taken
// one while no switch ran: none of them is published.
func (r *rig) half() (taken, free string, theirs net.Listener) {
	r.t.Helper()
	r.network("lan", "10.66.0.0/24")
	taken, free = freePort(r.t), freePort(r.t)
	must(r.t, r.publishing("web", published("80/tcp=127.0.0.1:"+taken, "81/tcp=127.0.0.1:"+free), on("lan")...))
	r.close()
	theirs, err := net.Listen("tcp", "127.0.0.1:"+taken)
	must(r.t, err)
	r.open()
	if found := r.unsaid(); len(found) != 1 || r.publishError("web") == "" || len(r.ports("web")) != 0 {
		r.t.Errorf("found %q, the record says %q, published at %q", found, r.publishError("web"), r.ports("web"))
	}
	return taken, free, theirs
}

// When the other program has gone, asking for the port again publishes all, and nothing
// is in the record twice.
func TestPublishAgain(t *testing.T) {
	r := newRig(t, nil)
	taken, _, theirs := r.half()
	again := api.PortPublish{PortBindings: published("80/tcp=127.0.0.1:" + taken).PortBindings}
	_, err := r.Publish("web", again)
	wants(t, "still taken", err, api.PortInUse)
	if r.publishError("web") == "" || len(r.box("web").record().Ports) != 2 {
		t.Errorf("%+v", r.box("web").record())
	}
	must(t, theirs.Close())
	_, err = r.Publish("web", again)
	must(t, err)
	for range 2 {
		if got := r.ports("web"); len(got) != 2 || r.publishError("web") != "" {
			t.Errorf("published at %q, the record says %q", got, r.publishError("web"))
		}
		r.restart()
		r.quiet()
	}
}

// When the port that is taken is given up, the others are published.
func TestUnpublishWhatFailed(t *testing.T) {
	r := newRig(t, nil)
	_, free, theirs := r.half()
	defer theirs.Close()
	_, err := r.Unpublish("web", api.PortUnpublish{PortBindings: published("80/tcp").PortBindings})
	must(t, err)
	if got := r.ports("web"); !slices.Equal(got, []string{"81/tcp 127.0.0.1:" + free}) || r.publishError("web") != "" {
		t.Errorf("published at %q, the record says %q", got, r.publishError("web"))
	}
	r.restart()
	r.quiet()
	_, err = r.Unpublish("web", api.PortUnpublish{PortBindings: published("81/tcp").PortBindings})
	must(t, err)
	if listens(t, free) {
		t.Error("it is open after all")
	}
}

// A port that could not be published while the container ran leaves no trace.
func TestPublishErrorIsUndone(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24")
	port := freePort(t)
	must(t, r.publishing("first", published("80/tcp=127.0.0.1:"+port), on("lan")...))
	r.run("web", on("lan")...)
	before := r.box("web").record()
	_, err := r.Publish("web", api.PortPublish{PortBindings: published("80/tcp=127.0.0.1:" + port).PortBindings})
	wants(t, "taken", err, api.PortInUse)
	if after := r.box("web").record(); after.PublishError != "" || len(after.Ports) != len(before.Ports) || !slices.Equal(after.Exposed, before.Exposed) {
		t.Errorf("%+v", after)
	}
}

// Ports that one of two networks has for itself are not those of the other: what is meant
// is what goes.
func TestUnpublishOneOfTwoAddresses(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24", option(optHostBinding, "127.0.0.1"))
	port := freePort(t)
	must(t, r.publishing("web", published("80/tcp=:"+port, "80/tcp=127.0.0.2:"+port), on("lan")...))
	_, err := r.Unpublish("web", api.PortUnpublish{PortBindings: published("80/tcp=0.0.0.0:" + port).PortBindings})
	must(t, err)
	want := []string{"80/tcp 127.0.0.2:" + port}
	for range 2 {
		if got := r.ports("web"); !slices.Equal(got, want) {
			t.Errorf("published at %q, want %q", got, want)
		}
		r.restart()
		r.quiet()
	}
}

// A port that is chosen when a container leaves the network in the way is written down.
func TestPortChosenByDisconnectIsKept(t *testing.T) {
	r := newRig(t, nil)
	r.network("a-shut", "10.66.0.0/24", uplinkTo("none"))
	r.network("b-open", "10.67.0.0/24")
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:"), on("a-shut", "b-open")...))
	if got := r.ports("web"); len(got) != 0 || r.publishError("web") == "" {
		t.Errorf("published at %q, the record says %q", got, r.publishError("web"))
	}
	must(t, r.Disconnect("a-shut", "web", false))
	before := r.ports("web")
	if len(before) != 1 || r.publishError("web") != "" {
		t.Errorf("published at %q, the record says %q", before, r.publishError("web"))
	}
	var file Container
	must(t, r.store.Load(kindContainer, r.box("web").rec.ID, &file))
	if got := r.box("web").record().Ports; !slices.Equal(file.Ports, got) || file.PublishError != "" {
		t.Errorf("the file has %+v, %q, the record %+v", file.Ports, file.PublishError, got)
	}
}

// Where the ports cannot move the names do, and the container is told why.
func TestPortsThatCannotMove(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.72.0.0/24")
	r.network("a-leg", "10.73.0.0/24", uplinkTo("network:outer"))
	r.network("b-socket", "10.74.0.0/24", option(optHostBinding, "127.0.0.1"))
	theirs, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer theirs.Close()
	_, port, _ := net.SplitHostPort(theirs.Addr().String())
	must(t, r.publishing("web", published("80/tcp=:"+port), on("a-leg", "b-socket")...))
	if err := r.Disconnect("a-leg", "web", false); err == nil || r.publishError("web") == "" {
		t.Errorf("%v; the record says %q", err, r.publishError("web"))
	}
	if hosts := r.station("web").Run(t, "cat", "/etc/hosts"); strings.Contains(hosts, "10.73.0.") {
		t.Errorf("/etc/hosts:\n%s", hosts)
	}
}

// Ports follow an address that a DHCP server has changed.
func TestPortsFollowTheLease(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.57.0.0/24")
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:"), api.EndpointConfig{Network: "lan", DHCP: true}))
	b := r.box("web")
	before := r.ports("web")
	var d *dhcpClient
	for d = range maps.Values(b.clients) {
	}
	was := d.lease
	moved := was
	moved.Addr = netip.MustParsePrefix("10.57.0.77/24")
	target := func() netip.Addr { return r.Manager.ports.Of(b.rec.ID)[0].Bindings[0].Target.Addr() }
	d.note(moved)
	if got := target(); got != moved.Addr.Addr() || !slices.Equal(r.ports("web"), before) {
		t.Errorf("port %q leads to %v", r.ports("web"), got)
	}
	d.note(was)
	if got := target(); got != was.Addr.Addr() {
		t.Errorf("it leads to %v", got)
	}
	r.quiet()
}

// A container without a network of its own has nothing to publish, before and after a
// restart of the switch.
func TestNothingToPublish(t *testing.T) {
	r := newRig(t, nil)
	must(t, r.publishing("web", published("80/tcp=127.0.0.1:"), on("none")...))
	before := r.publishError("web")
	r.restart()
	r.quiet()
	if after := r.publishError("web"); after != before {
		t.Errorf("the record says %q, before the restart %q", after, before)
	}
}

// With -P what is exposed is published, and not said to have been asked for one by one.
func TestPublishAll(t *testing.T) {
	r := newRig(t, nil)
	r.network("lan", "10.66.0.0/24", option(optHostBinding, "127.0.0.1"))
	p := published("80/tcp=127.0.0.1:")
	p.PublishAllPorts, p.ExposedPorts = true, map[string]struct{}{"80/tcp": {}, "81/tcp": {}, "53/udp": {}, "70-72/tcp": {}, "71/tcp": {}}
	must(t, r.publishing("web", p, on("lan")...))
	c, err := r.Container("web")
	must(t, err)
	if asked := c.HostConfig.PortBindings; len(asked) != 1 || len(asked["80/tcp"]) != 1 || !c.HostConfig.PublishAllPorts {
		t.Errorf("asked for %+v", asked)
	}
	if got := r.ports("web"); len(got) != 6 {
		t.Errorf("published at %q", got)
	}
}
