package network

import (
	"net/netip"
	"testing"
)

// Who reaches whom: within a network everybody, unless it is without ICC; from one
// to another nobody; its gateway everybody, those of others who has a way out.
func TestIsolation(t *testing.T) {
	r := newRig(t, nil)
	r.network("a", "10.55.1.0/24", ipv6)
	r.network("b", "10.55.2.0/24", ipv6)
	r.network("inner", "10.55.3.0/24", internal)
	r.network("apart", "10.55.4.0/24", option(optICC, "false"))
	boxes := map[string][]*station{}
	nets := []string{"a", "b", "inner", "apart"}
	for _, n := range nets {
		boxes[n] = []*station{r.run(n+"1", on(n)...), r.run(n+"2", on(n)...)}
	}
	for _, from := range nets {
		s := boxes[from][0]
		for _, to := range nets {
			reach(t, s, boxes[to][1].V4, from == to && from != "apart")
			reach(t, s, r.gateway(to, false), from == to || from != "inner")
		}
	}
	reach(t, boxes["a"][0], boxes["a"][1].V6, true)
	reach(t, boxes["a"][0], boxes["b"][1].V6, false)
	reach(t, boxes["a"][0], r.gateway("b", true), true)
	// A container on both is no way through.
	r.run("both", on("a", "b")...)
	reach(t, boxes["a"][0], boxes["b"][0].V4, false)
	r.quiet()
}

func reach(t *testing.T, from *station, to netip.Addr, want bool) {
	t.Helper()
	if want {
		from.MustPing(t, to, 1)
		return
	}
	if out, code := from.Try(t, "ping", "-n", "-c", "1", "-W", "0.2", to.String()); code == 0 {
		t.Errorf("%s reaches %s:\n%s", from.Box.Name(), to, out)
	}
}
