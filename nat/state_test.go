package nat

import (
	"testing"
	"time"

	"vswitch/internal/frame"
)

// Each row is a conversation and what the flow is after it: o and i are segments from
// inside and outside, by their flags.
func TestTCPStates(t *testing.T) {
	const sa = synFlag | ackFlag
	type seg struct {
		d     dir
		flags uint8
	}
	o := func(flags uint8) seg { return seg{out, flags} }
	i := func(flags uint8) seg { return seg{in, flags} }
	opened := []seg{o(synFlag), i(sa), o(ackFlag)}
	for name, c := range map[string]struct {
		begin, more []seg
		state       State
		class       class
	}{
		"SYN":                        {nil, []seg{o(synFlag)}, Unreplied, classOpening},
		"SYN twice":                  {nil, []seg{o(synFlag), o(synFlag)}, Unreplied, classOpening},
		"answered":                   {nil, []seg{o(synFlag), i(sa)}, Opening, classTransitory},
		"refused":                    {nil, []seg{o(synFlag), i(rstFlag | ackFlag)}, Reset, classOpening},
		"an ACK is no answer":        {nil, []seg{o(synFlag), i(ackFlag)}, Opening, classOpening},
		"opened":                     {opened, nil, Established, classEstablished},
		"opened by the other side":   {nil, []seg{i(synFlag), o(sa), i(ackFlag)}, Established, classEstablished},
		"opened by both":             {nil, []seg{o(synFlag), i(synFlag), o(sa), i(sa), o(ackFlag)}, Established, classEstablished},
		"half closed":                {opened, []seg{o(finFlag | ackFlag), i(ackFlag)}, HalfClosed, classEstablished},
		"closed":                     {opened, []seg{o(finFlag | ackFlag), i(finFlag | ackFlag)}, Closed, classTransitory},
		"closed, and still talking":  {opened, []seg{o(finFlag | ackFlag), i(finFlag | ackFlag), o(ackFlag)}, Closed, classTransitory},
		"reset":                      {opened, []seg{i(rstFlag)}, Reset, classTransitory},
		"reset, the other goes on":   {opened, []seg{i(rstFlag), o(ackFlag)}, Reset, classTransitory},
		"reset, the same side too":   {opened, []seg{i(rstFlag), i(ackFlag)}, Established, classEstablished},
		"reset by both, one goes on": {opened, []seg{i(rstFlag), o(rstFlag), i(ackFlag)}, Reset, classTransitory},
		"SYN while it is open":       {opened, []seg{i(synFlag)}, Established, classEstablished},
		"SYN after the end":          {opened, []seg{o(finFlag | ackFlag), i(finFlag | ackFlag), o(synFlag)}, Unreplied, classOpening},
		"SYN|ACK after a reset":      {opened, []seg{o(rstFlag), i(sa)}, Reset, classTransitory},
		"opened again":               {opened, []seg{i(rstFlag), o(synFlag), i(sa), o(ackFlag)}, Established, classEstablished},
	} {
		var h history
		for _, s := range append(c.begin[:len(c.begin):len(c.begin)], c.more...) {
			h = h.step(s.d, s.flags)
		}
		if got := h.state(frame.ProtoTCP); got != c.state || h.class(frame.ProtoTCP, false) != c.class {
			t.Errorf("%s: %v, class %d; want %v, %d", name, got, h.class(frame.ProtoTCP, false), c.state, c.class)
		}
	}
}

// A connection that is opened again between the same ports is a new one, not a remnant.
func TestReopen(t *testing.T) {
	r := newRig(t)
	s := r.connect(a, x)
	r.out(tcp(a, x, finFlag|ackFlag))
	r.in(tcp(x, s.src, finFlag|ackFlag))
	r.connect(a, x)
	r.pass(2 * time.Hour)
	r.in(tcp(x, s.src, ackFlag))
	if c := r.t.Counts(); c.Flows != 1 || c.Opened != 1 {
		t.Errorf("%+v", c)
	}
}

func TestStateNames(t *testing.T) {
	seen := map[string]bool{}
	for s := range states {
		if seen[s.String()] || s.String() == "" {
			t.Errorf("state %d is %q", s, s)
		}
		seen[s.String()] = true
	}
	if states.String() != "invalid" {
		t.Error(states.String())
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for name, c := range map[string]Config{
		"personality": {Personality: personalities}, "ports": {MinPort: 10, MaxPort: 9}, "flows": {MaxFlows: -1},
		"too many flows": {MaxFlows: mostFlows + 1}, "per source": {MaxPerSource: -1}, "MSS": {MSS: -1},
		"a big MSS": {MSS: 1 << 16}, "a timeout": {Timeouts: Timeouts{DNS: -1}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
