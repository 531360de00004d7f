package main

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// networkKeys are the keys of --network's long form; Docker's, and two of ours.
var networkKeys = []string{"name", "ip", "ip6", "mac-address", "alias", "gw-priority", "driver-opt", "dhcp", "no-guard"}

// parseNetwork reads one --network: a name, or name=NET,ip=...,alias=...
func parseNetwork(value string) (api.EndpointConfig, error) {
	switch {
	case value == "":
		return api.EndpointConfig{}, invalidFlag("--network", value, nil).WithFix("give a network's name:  --network bridge")
	case strings.HasPrefix(value, "container:"):
		return api.EndpointConfig{}, invalidFlag("--network", value, nil).
			Because("containers do not share a network namespace here").
			WithFix("run the program in that container:  vswitch exec %s -- CMD", strings.TrimPrefix(value, "container:"))
	case !strings.Contains(value, "="):
		return api.EndpointConfig{Network: value}, nil
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return api.EndpointConfig{}, invalidFlag("--network", value, nil).Because("%s", err).
			WithFix("for example:  --network name=lan,ip=10.5.0.9")
	}
	var e api.EndpointConfig
	for _, f := range fields {
		if err := setNetworkKey(&e, f); err != nil {
			return e, err
		}
	}
	if e.Network == "" {
		return e, invalidFlag("--network", value, nil).Because("name= is missing").
			WithFix("for example:  --network name=lan,ip=10.5.0.9")
	}
	return e, checkEndpoint(e, "--network ip", "--network ip6", "--network mac-address")
}

// setNetworkKey applies one key=value of the long form.
func setNetworkKey(e *api.EndpointConfig, field string) error {
	key, value, _ := strings.Cut(field, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	var err error
	switch key {
	case "name":
		e.Network = value
	case "ip":
		e.IPv4 = value
	case "ip6":
		e.IPv6 = value
	case "mac-address":
		e.MAC = value
	case "alias":
		e.Aliases = append(e.Aliases, value)
	case "gw-priority":
		e.GwPriority, err = strconv.Atoi(value)
	case "driver-opt":
		if e.DriverOpts == nil {
			e.DriverOpts = make(map[string]string)
		}
		name, setting, _ := strings.Cut(value, "=")
		e.DriverOpts[name] = setting
	case "dhcp":
		e.DHCP, err = strconv.ParseBool(value)
	case "no-guard":
		e.NoGuard, err = strconv.ParseBool(value)
	default:
		return oneOf("--network", "--network", field, suffixed(networkKeys, "="))
	}
	if err != nil {
		return invalidFlag("--network", field, nil).WithFix("see:  vswitch run --help")
	}
	return nil
}

func suffixed(words []string, end string) []string {
	var all []string
	for _, w := range words {
		all = append(all, w+end)
	}
	return all
}

// networks makes the endpoints of run. The flags beside --network belong to the
// first network, as Docker has it; --dhcp and --no-guard to all.
func (r *runFlags) networks() ([]api.EndpointConfig, error) {
	var all []api.EndpointConfig
	for _, n := range r.nets {
		e, err := parseNetwork(n)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o api.EndpointConfig) bool { return o.Network == e.Network }) {
			return nil, invalidFlag("--network", n, nil).Because("the network stands twice").WithFix("give it once")
		}
		all = append(all, e)
	}
	own, err := r.endpoint.config("bridge")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		if len(own.Aliases) > 0 || own.IPv4+own.IPv6+own.MAC != "" || own.DHCP || own.NoGuard {
			all = append(all, own)
		}
		return all, nil
	}
	if err := merge(&all[0], own); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].DHCP = all[i].DHCP || own.DHCP
		all[i].NoGuard = all[i].NoGuard || own.NoGuard
	}
	return all, nil
}

// merge adds what flags say to an endpoint that may say it already.
func merge(e *api.EndpointConfig, own api.EndpointConfig) error {
	for _, part := range []struct {
		flag      string
		have, own *string
	}{
		{"--ip", &e.IPv4, &own.IPv4}, {"--ip6", &e.IPv6, &own.IPv6}, {"--mac", &e.MAC, &own.MAC},
	} {
		if *part.own == "" {
			continue
		}
		if *part.have != "" {
			return invalidFlag(part.flag, *part.own, nil).Because("--network says %s already", *part.have).
				WithFix("give it in one place")
		}
		*part.have = *part.own
	}
	if len(e.Aliases) > 0 && len(own.Aliases) > 0 {
		return invalidFlag("--alias", own.Aliases[0], nil).Because("--network has aliases already").
			WithFix("give them in one place")
	}
	e.Aliases = append(e.Aliases, own.Aliases...)
	return nil
}
