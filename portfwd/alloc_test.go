package portfwd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// try allocates for an owner "o" unless the request names one.
func try(a *Allocator, r Request) ([]*Binding, error) {
	if r.Owner == "" {
		r.Owner = "o"
	}
	return a.Allocate(r)
}

func TestWhichAddresses(t *testing.T) {
	v4, v6 := Target{V4: both.V4}, Target{V6: both.V6}
	for _, c := range []struct {
		spec, def string
		to        Target
		noV6      bool
		want      string // "" is ErrFamily
	}{
		{spec: "8080:80", to: both, want: "0.0.0.0:8080>10.1.0.2:80 [::]:8080>[fd00::2]:80"},
		{spec: "8080:80", to: both, noV6: true, want: "0.0.0.0:8080>10.1.0.2:80"},
		{spec: "8080:80", to: v4, want: "0.0.0.0:8080>10.1.0.2:80 [::]:8080>10.1.0.2:80 proxied"},
		{spec: "8080:80", to: v6, want: "[::]:8080>[fd00::2]:80"},
		{spec: "8080:80", to: v6, noV6: true},
		{spec: "8080:80", def: "0.0.0.0", to: both, want: "0.0.0.0:8080>10.1.0.2:80 [::]:8080>[fd00::2]:80"},
		{spec: "8080:80", def: "::", to: both, want: "[::]:8080>[fd00::2]:80"},
		{spec: "8080:80", def: "192.0.2.1", to: both, want: "192.0.2.1:8080>10.1.0.2:80"},
		{spec: "8080:80", def: "192.0.2.1", to: v6},
		{spec: "0.0.0.0:8080:80", def: "192.0.2.1", to: both, want: "0.0.0.0:8080>10.1.0.2:80"},
		{spec: "[::]:8080:80", to: both, want: "[::]:8080>[fd00::2]:80"},
		{spec: "[::1]:8080:80", to: v4, want: "[::1]:8080>10.1.0.2:80 proxied"},
		{spec: "127.0.0.1:8080:80", to: v6},
		{spec: "80", to: both, want: "0.0.0.0:40000>10.1.0.2:80 [::]:40000>[fd00::2]:80"},
		{spec: "80"},
	} {
		a := (&fakeHost{}).allocator(small, !c.noV6)
		got, err := try(a, Request{Spec: spec(t, c.spec), Default: addr(c.def), Target: c.to})
		if c.want == "" {
			if !errors.Is(err, ErrFamily) {
				t.Errorf("%+v: %v, %v", c, hosts(got), err)
			}
			continue
		}
		must(t, err)
		var said []string
		for _, b := range got {
			s := fmt.Sprintf("%v>%v", b.Host, b.Target)
			if b.Proxied {
				s += " proxied"
			}
			said = append(said, s)
		}
		if s := strings.Join(said, " "); s != c.want {
			t.Errorf("%+v: %s", c, s)
		}
		closed(t, got)
	}
}

func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		have, want string
		conflict   bool
	}{
		{"8080:80", "8080:81", true},
		{"8080:80", "8080:80/udp", false},
		{"8080:80", "127.0.0.1:8080:80", true},
		{"127.0.0.1:8080:80", "8080:80", true},
		{"127.0.0.1:8080:80", "127.0.0.2:8080:80", false},
		{"127.0.0.1:8080:80", "127.0.0.1:8080:80", true},
		{"0.0.0.0:8080:80", "[::]:8080:80", false},
		{"0.0.0.0:8080:80", "[::1]:8080:80", false},
		{"[::]:8080:80", "[::1]:8080:80", true},
	} {
		a := (&fakeHost{}).allocator(small, true)
		have, err := try(a, Request{Owner: "first", Spec: spec(t, c.have), Target: both})
		must(t, err)
		got, err := try(a, Request{Spec: spec(t, c.want), Target: both})
		if errors.Is(err, ErrInUse) != c.conflict || (err != nil) != c.conflict {
			t.Errorf("%s, then %s: %v", c.have, c.want, err)
		}
		if e, ok := errors.AsType[*BindError](err); ok && e.Owner != "first" {
			t.Errorf("%s, then %s: held by %q", c.have, c.want, e.Owner)
		}
		closed(t, have)
		if c.conflict {
			got, err = try(a, Request{Spec: spec(t, c.want), Target: both})
			must(t, err)
		}
		closed(t, got)
		if len(a.held) != 0 {
			t.Errorf("%s, %s: %v is left", c.have, c.want, a.held)
		}
	}
}

func TestDockersSentence(t *testing.T) {
	a := (&fakeHost{}).allocator(small, true)
	have, err := try(a, Request{Spec: spec(t, "8080:80"), Target: both})
	must(t, err)
	defer closed(t, have)
	_, err = try(a, Request{Spec: spec(t, "8080:81"), Target: both})
	if err == nil || err.Error() != "Bind for 0.0.0.0:8080 failed: port is already allocated" {
		t.Error(err)
	}
}

// TestChoosing follows one allocator through the five ports of its range.
func TestChoosing(t *testing.T) {
	d := small
	d.Reserved = []Range{{40001, 40001}}
	h := &fakeHost{refuse: map[string]error{"tcp [::]:40002": unix.EADDRINUSE}}
	a := h.allocator(d, true)
	var all [][]*Binding
	for _, want := range []uint16{40000, 40003, 40004} {
		got, err := try(a, Request{Spec: spec(t, "80"), Target: both})
		must(t, err)
		if len(got) != 2 || got[0].Host.Port() != want || got[1].Host.Port() != want {
			t.Fatalf("%v, want port %d", hosts(got), want)
		}
		all = append(all, got)
	}
	if _, err := try(a, Request{Spec: spec(t, "80"), Target: both}); !errors.Is(err, ErrExhausted) {
		t.Error(err)
	}
	udp, err := try(a, Request{Spec: spec(t, "80/udp"), Target: both})
	must(t, err)
	if udp[0].Host.Port() != 40000 {
		t.Errorf("UDP begins at %v", udp[0].Host)
	}
	closed(t, all[0]) // 40000 is free again, and comes after the end of the range
	again, err := try(a, Request{Spec: spec(t, "80"), Target: both})
	must(t, err)
	if again[0].Host.Port() != 40000 {
		t.Errorf("after the last port: %v", again[0].Host)
	}
	for _, bs := range append(all[1:], again, udp) {
		closed(t, bs)
	}
}

// TestSequence: a port that was given back is not the next to be chosen.
func TestSequence(t *testing.T) {
	a := (&fakeHost{}).allocator(small, true)
	var ports []uint16
	for range 7 {
		got, err := try(a, Request{Spec: spec(t, "80"), Target: both})
		must(t, err)
		ports = append(ports, got[0].Host.Port())
		closed(t, got)
	}
	if want := []uint16{40000, 40001, 40002, 40003, 40004, 40000, 40001}; !slices.Equal(ports, want) {
		t.Error(ports)
	}
}

func TestAllReserved(t *testing.T) {
	d := small
	d.Reserved = []Range{d.Range}
	if _, err := try((&fakeHost{}).allocator(d, true), Request{Spec: spec(t, "80"), Target: both}); !errors.Is(err, ErrExhausted) {
		t.Error(err)
	}
}

func TestFirstOfRange(t *testing.T) {
	h := &fakeHost{refuse: map[string]error{"tcp 0.0.0.0:8001": unix.EADDRINUSE}}
	a := h.allocator(small, true)
	r := Request{Spec: spec(t, "8000-8002:80"), Target: both}
	one, err := try(a, r)
	must(t, err)
	two, err := try(a, r)
	must(t, err)
	if one[0].Host.Port() != 8000 || two[0].Host.Port() != 8002 {
		t.Errorf("%v, %v", hosts(one), hosts(two))
	}
	_, err = try(a, r)
	if !errors.Is(err, ErrExhausted) || !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	closed(t, one)
	closed(t, two)
}

// TestNothingIsLeft: an error at the second address gives back the first.
func TestNothingIsLeft(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EADDRINUSE, unix.EMFILE, unix.EACCES} {
		before := descriptors(t)
		h := &fakeHost{refuse: map[string]error{"tcp [::]:8080": errno}}
		a := h.allocator(small, true)
		if got, err := try(a, Request{Spec: spec(t, "8080:80"), Target: both}); !errors.Is(err, errno) {
			t.Fatalf("%v: %v, %v", errno, hosts(got), err)
		}
		if after := descriptors(t); after != before || len(a.held) != 0 {
			t.Errorf("%v: %d descriptors before, %d after; held: %v", errno, before, after, a.held)
		}
	}
}

// TestOtherErrorsEndTheSearch: a machine without descriptors is not asked a thousand times.
func TestOtherErrorsEndTheSearch(t *testing.T) {
	h := &fakeHost{refuse: map[string]error{"tcp 0.0.0.0:40000": unix.EMFILE}}
	_, err := try(h.allocator(small, true), Request{Spec: spec(t, "80"), Target: both})
	if !errors.Is(err, ErrFiles) || len(h.opened) != 1 {
		t.Errorf("%v after %v", err, h.opened)
	}
}

func TestCloseTwice(t *testing.T) {
	a := (&fakeHost{}).allocator(small, true)
	one, err := try(a, Request{Spec: spec(t, "127.0.0.1:8080:80"), Target: both})
	must(t, err)
	closed(t, one)
	two, err := try(a, Request{Spec: spec(t, "127.0.0.1:8080:80"), Target: both})
	must(t, err)
	closed(t, one) // must not free what another one has by now
	if _, ok := a.holder(TCP, two[0].Host); !ok {
		t.Error("closing a binding a second time took the port from its next owner")
	}
	closed(t, two)
}

func TestRefusesBadSpecs(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want error
	}{
		{Spec{Proto: "sctp", Port: 80}, ErrProtocol},
		{Spec{Proto: TCP}, ErrPort},
		{Spec{Proto: TCP, Port: 80, HostPort: 10, HostPortEnd: 9}, ErrSpec},
		{Spec{Proto: TCP, Port: 80, HostIP: addr("fe80::1%1")}, ErrSpec},
	} {
		if _, err := try((&fakeHost{}).allocator(small, true), Request{Spec: c.spec, Target: both}); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.spec, err)
		}
	}
}
