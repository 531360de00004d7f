package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// Publishing ports, as Docker has it: the flags of run and attach, and SPEC turned into
// what the API takes.

// publishFlags say which ports of a container are published: run and attach have them.
type publishFlags struct {
	specs, exposed []string
	all            bool
	mode           string
}

func (p *publishFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&p.specs, "publish", "p", nil, "publish a port by its `SPEC`, [HOST_IP:][HOST_PORT:]PORT[/udp]; may be repeated")
	f.BoolVarP(&p.all, "publish-all", "P", false, "publish each exposed port at a free one of the host")
	f.StringArrayVar(&p.exposed, "expose", nil, "`port` that the program listens on, PORT[/udp], for --publish-all")
	addPublishMode(cmd, &p.mode)
}

// publishModes are the values of --publish-mode.
var publishModes = []string{api.PublishSource, api.PublishSplice}

func addPublishMode(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(mode, "publish-mode", "",
		"`how` connections come in: source, the container sees the client's address (default), or splice, trades it for loopback speed")
	_ = cmd.RegisterFlagCompletionFunc("publish-mode", cobra.FixedCompletions(publishModes, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

func checkPublishMode(mode string) error {
	if mode != "" && !slices.Contains(publishModes, mode) {
		return oneOf("--publish-mode", "--publish-mode", mode, publishModes)
	}
	return nil
}

// request turns the flags into what the switch is asked. What -p names is exposed, too.
func (p *publishFlags) request() (api.Publish, error) {
	r := api.Publish{PublishAllPorts: p.all, PublishMode: p.mode}
	err := checkPublishMode(p.mode)
	if err != nil {
		return r, err
	}
	if r.PortBindings, err = readBindings("--publish", "--publish 8080:80", p.specs); err != nil {
		return r, err
	}
	exposed, err := readExposed(p.exposed)
	if err != nil {
		return r, err
	}
	for port := range r.PortBindings {
		exposed[port] = struct{}{}
	}
	if len(exposed) > 0 {
		r.ExposedPorts = exposed
	}
	return r, nil
}

// readBindings reads specs into Docker's map: where on the host, by the container's
// port. It is nil for none. Flag and example are for the error.
func readBindings(flag, example string, specs []string) (map[string][]api.PortBinding, error) {
	var all map[string][]api.PortBinding
	for _, text := range specs {
		read, err := readSpec(flag, example, text)
		if err != nil {
			return nil, err
		}
		for _, s := range read {
			if all == nil {
				all = make(map[string][]api.PortBinding)
			}
			all[portKey(s)] = append(all[portKey(s)], bindingOf(s))
		}
	}
	return all, nil
}

// readSpec reads one SPEC. The reason why it cannot be is Docker's sentence.
func readSpec(flag, example, text string) ([]portfwd.Spec, error) {
	specs, err := portfwd.ParseSpec(text)
	if err == nil {
		return specs, nil
	}
	wrong := invalidFlag(flag, text, err).WithFix("for example:  %s", example)
	if errors.Is(err, portfwd.ErrProtocol) {
		wrong.Code, wrong.Fix = api.PublishProtocol, ""
	}
	if sentence := errors.Unwrap(err); sentence != nil {
		wrong = wrong.Because("%s", sentence)
	}
	return nil, wrong
}

// readExposed reads the values of --expose: SPEC without a place on the host.
func readExposed(ports []string) (map[string]struct{}, error) {
	const example = "--expose 80/tcp"
	all := make(map[string]struct{})
	for _, text := range ports {
		if strings.Contains(text, ":") {
			return nil, invalidFlag("--expose", text, nil).Because("invalid port format for --expose: %s", text).
				WithFix("for example:  %s", example)
		}
		specs, err := readSpec("--expose", example, text)
		if err != nil {
			return nil, err
		}
		for _, s := range specs {
			all[portKey(s)] = struct{}{}
		}
	}
	return all, nil
}

// portKey names a container's port as Docker does: 80/tcp.
func portKey(s portfwd.Spec) string { return fmt.Sprintf("%d/%s", s.Port, s.Proto) }

// bindingOf is where on the host a spec wants its port.
func bindingOf(s portfwd.Spec) (b api.PortBinding) {
	if s.HostIP.IsValid() {
		b.HostIP = s.HostIP.String()
	}
	if s.HostPort != 0 {
		b.HostPort = strconv.Itoa(int(s.HostPort))
	}
	if s.HostPortEnd > s.HostPort {
		b.HostPort += "-" + strconv.Itoa(int(s.HostPortEnd))
	}
	return b
}
