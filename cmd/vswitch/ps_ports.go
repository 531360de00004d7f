package main

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// The ports of ps, as Docker shows and filters them.

// portRun is a run of consecutive ports that are the same on the host and in the
// container, or that are not published.
type portRun struct {
	ip, proto   string
	first, last uint16
}

func (r *portRun) String() string {
	text := strconv.Itoa(int(r.first))
	if r.last != r.first {
		text += "-" + strconv.Itoa(int(r.last))
	}
	if r.ip != "" {
		text = net.JoinHostPort(r.ip, text) + "->" + text
	}
	return text + "/" + r.proto
}

// portText is what is published, as Docker writes it: runs first, then what has
// another port on the host.
func portText(ports []api.Port) string {
	var ended, mapped []string
	var open []*portRun
	for _, p := range slices.SortedFunc(slices.Values(ports), comparePorts) {
		if p.IP != "" && p.PublicPort != p.PrivatePort {
			mapped = append(mapped, net.JoinHostPort(p.IP, strconv.Itoa(int(p.PublicPort)))+"->"+
				strconv.Itoa(int(p.PrivatePort))+"/"+p.Type)
			continue
		}
		i := slices.IndexFunc(open, func(r *portRun) bool { return r.ip == p.IP && r.proto == p.Type })
		switch {
		case i < 0:
			open = append(open, &portRun{p.IP, p.Type, p.PrivatePort, p.PrivatePort})
		case open[i].last+1 == p.PrivatePort:
			open[i].last = p.PrivatePort
		default:
			ended = append(ended, open[i].String())
			open[i] = &portRun{p.IP, p.Type, p.PrivatePort, p.PrivatePort}
		}
	}
	for _, r := range open {
		ended = append(ended, r.String())
	}
	return joined(append(ended, mapped...))
}

func comparePorts(x, y api.Port) int {
	return cmp.Or(cmp.Compare(x.PrivatePort, y.PrivatePort), strings.Compare(x.IP, y.IP),
		cmp.Compare(x.PublicPort, y.PublicPort), strings.Compare(x.Type, y.Type))
}

// ports makes the test of publish=PORT and expose=PORT: one port on the host or in the
// container that is asked for is enough, as Docker has it.
func (f filters) ports() (keep func([]api.Port) bool, err error) {
	published, err := f.portSet("publish")
	if err != nil {
		return nil, err
	}
	exposed, err := f.portSet("expose")
	if err != nil {
		return nil, err
	}
	return func(ports []api.Port) bool {
		return len(published)+len(exposed) == 0 || slices.ContainsFunc(ports, func(p api.Port) bool {
			return published[portfwd.Spec{Proto: p.Type, Port: p.PublicPort}] || exposed[portfwd.Spec{Proto: p.Type, Port: p.PrivatePort}]
		})
	}, nil
}

// portSet reads the values of a filter's key: 8080, 8080/udp or 8000-8010.
func (f filters) portSet(key string) (map[portfwd.Spec]bool, error) {
	set := make(map[portfwd.Spec]bool)
	for _, text := range f[key] {
		specs, err := readSpec("--filter", "--filter "+key+"=8080", text)
		if err == nil && strings.Contains(text, ":") {
			err = invalidFlag("--filter", key+"="+text, nil).Because("it is not PORT, PORT/PROTO or a range").
				WithFix("for example:  --filter %s=8080", key)
		}
		if err != nil {
			return nil, err
		}
		for _, s := range specs {
			set[s] = true
		}
	}
	return set, nil
}
