package portfwd

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// FromBindings reads the form in which Docker's API carries published ports: lists
// of host addresses and ports under "80/tcp". A port with an empty list is exposed
// and not published, and gives no Spec. The order is that of List.
func FromBindings(ports map[string][]api.PortBinding) ([]Spec, error) {
	var specs []Spec
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		for _, b := range ports[port] {
			some, err := ParseSpec(joined(port, b))
			if err != nil {
				return nil, err
			}
			specs = append(specs, some...)
		}
	}
	slices.SortStableFunc(specs, func(a, b Spec) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return specs, nil
}

// joined writes one entry as an argument of -p.
func joined(port string, b api.PortBinding) string {
	switch {
	case b.HostIP == "" && b.HostPort == "":
		return port
	case b.HostIP == "":
		return b.HostPort + ":" + port
	case strings.Contains(b.HostIP, ":"):
		return "[" + b.HostIP + "]:" + b.HostPort + ":" + port
	}
	return b.HostIP + ":" + b.HostPort + ":" + port
}

// ToBindings is the inverse of FromBindings: what was asked for, in the form of
// Docker's HostConfig.PortBindings.
func ToBindings(specs []Spec) map[string][]api.PortBinding {
	out := map[string][]api.PortBinding{}
	for _, s := range specs {
		key := portKey(s.Port, s.Proto)
		out[key] = append(out[key], api.PortBinding{HostIP: hostIP(s.HostIP), HostPort: hostPort(s)})
	}
	return out
}

func hostIP(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func hostPort(s Spec) string {
	switch {
	case s.HostPort == 0:
		return ""
	case s.HostPort == s.HostPortEnd:
		return strconv.Itoa(int(s.HostPort))
	}
	return fmt.Sprintf("%d-%d", s.HostPort, s.HostPortEnd)
}

// PortMap tells what came of it, in the form of Docker's NetworkSettings.Ports:
// every host address with the port that it got, in the order of pubs.
func PortMap(pubs []Publication) map[string][]api.PortBinding {
	out := map[string][]api.PortBinding{}
	for _, p := range pubs {
		key := portKey(p.Spec.Port, p.Spec.Proto)
		for _, b := range p.Bindings {
			out[key] = append(out[key], api.PortBinding{
				HostIP: b.Host.Addr().String(), HostPort: strconv.Itoa(int(b.Host.Port())),
			})
		}
	}
	return out
}

func portKey(port uint16, proto string) string { return fmt.Sprintf("%d/%s", port, proto) }
