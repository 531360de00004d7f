package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vswitch/internal/api"
)

// runFlags are those of one `run`.
type runFlags struct {
	detach, remove bool
	name, hostname string
	nets           []string
	endpoint       endpointFlags
	publish        publishFlags
	dns, search    []string
	dnsOptions     []string
	hosts, labels  []string
	program        programFlags
}

// programFlags say how a program is run: run and exec have them.
type programFlags struct {
	env, envFiles []string
	dir           string
	tty           ttyFlags
}

func (p *programFlags) add(f *pflag.FlagSet) {
	f.StringArrayVarP(&p.env, "env", "e", nil, "set the variable `NAME=VALUE`, or take NAME over")
	f.StringArrayVar(&p.envFiles, "env-file", nil, "set the variables in this `file`")
	f.StringVarP(&p.dir, "workdir", "w", "", "start in this `folder` (default: where you are)")
	p.tty.add(f)
}

func runCommand(a *app) *cobra.Command {
	r := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG]...",
		Short: "Run a program in a container of its own",
		Long: `run makes a container - a set of namespaces, no image - and runs a program of
this machine in it. It ends with the program, and with its exit code; -d leaves
the program to the switch and prints the container's id. With -d and no COMMAND
the container has no program and stays until it is stopped.

Exit codes: 125 the program could not be started, 126 it cannot be executed, 127
it was not found; otherwise the program's own.`,
		Example: `  vswitch run --rm --network lan -- ping -c 3 web
  vswitch run -d --name web --network lan --ip 10.5.0.9 -p 8080:8000 -- python3 -m http.server
  vswitch run -d --name lab --network name=lan,alias=db --network mgmt`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := r.request(args)
			if err != nil {
				return err
			}
			request.Tty = !r.detach && r.program.tty.wanted(a, cmd.Flags())
			return a.making(func(ctx context.Context, s switchAPI, _ []string) error {
				return r.run(ctx, a, s, request)
			})(cmd, args)
		},
	}
	r.add(cmd.Flags())
	r.publish.add(cmd)
	cmd.Flags().SetInterspersed(false)
	_ = cmd.RegisterFlagCompletionFunc("network", a.completeNetworks(many)) // the flag is there
	return cmd
}

func (r *runFlags) add(f *pflag.FlagSet) {
	f.Bool("help", false, "help for run") // -h is the host's name, as Docker has it
	f.BoolVarP(&r.detach, "detach", "d", false, "leave it to the switch and print the container's id")
	f.BoolVar(&r.remove, "rm", false, "remove the container when it has ended")
	f.StringVar(&r.name, "name", "", "the container's `name`")
	f.StringArrayVar(&r.nets, "network", nil, "`network` to join, or name=NET,ip=...,ip6=...,mac-address=...,alias=...,gw-priority=N; may be repeated")
	r.endpoint.add(f)
	f.StringVarP(&r.hostname, "hostname", "h", "", "the `name` that the container has for itself")
	f.StringSliceVar(&r.dns, "dns", nil, "`address` of a name server")
	f.StringSliceVar(&r.search, "dns-search", nil, "`domain` to search names in")
	f.StringSliceVar(&r.dnsOptions, "dns-option", nil, "`option` of /etc/resolv.conf")
	f.StringArrayVar(&r.hosts, "add-host", nil, "`name:address` to add to /etc/hosts")
	f.StringArrayVarP(&r.labels, "label", "l", nil, "`key=value` to keep with the container")
	r.program.add(f)
}

// request turns the flags into what the switch is asked.
func (r *runFlags) request(args []string) (api.ContainerCreate, error) {
	c := api.ContainerCreate{
		Name: r.name, Cmd: args, Hostname: r.hostname, AutoRemove: r.remove,
		DNS: r.dns, DNSSearch: r.search, DNSOptions: r.dnsOptions,
	}
	if len(args) == 0 && !r.detach {
		return c, api.Errorf(api.WrongUsage, nil, "vswitch run: the command is missing").
			WithFix("give one:  vswitch run -- sh\nor a container without a program:  vswitch run -d --name NAME")
	}
	var err error
	if c.Networks, err = r.networks(); err != nil {
		return c, err
	}
	if c.Publish, err = r.publish.request(); err != nil {
		return c, err
	}
	if c.Labels, err = keyValues("--label", r.labels); err != nil {
		return c, err
	}
	for _, d := range r.dns {
		if _, err := netip.ParseAddr(d); err != nil {
			return c, invalidFlag("--dns", d, nil).Because("it is no address").WithFix("for example:  --dns 9.9.9.9")
		}
	}
	if c.ExtraHosts, err = extraHosts(r.hosts); err != nil {
		return c, err
	}
	if c.Env, err = environment(os.Environ(), r.program.envFiles, r.program.env); err != nil {
		return c, err
	}
	c.WorkingDir, err = workingDir(r.program.dir)
	return c, err
}

// extraHosts reads name:address and name=address.
func extraHosts(flags []string) ([]string, error) {
	var all []string
	for _, h := range flags {
		i := strings.IndexAny(h, ":=")
		if i <= 0 {
			return nil, badHost(h)
		}
		name, addr := h[:i], strings.Trim(h[i+1:], "[]")
		if _, err := netip.ParseAddr(addr); err != nil && addr != "host-gateway" {
			return nil, badHost(h)
		}
		all = append(all, name+":"+addr)
	}
	return all, nil
}

func badHost(h string) error {
	return invalidFlag("--add-host", h, nil).Because("it is not name:address").WithFix("for example:  --add-host db:10.5.0.9")
}

// run makes the container and runs its program, here or in the background.
func (r *runFlags) run(ctx context.Context, a *app, s switchAPI, request api.ContainerCreate) error {
	created, err := s.CreateContainer(ctx, request)
	if err != nil {
		return err
	}
	a.warn(created.Warnings)
	if r.detach {
		if _, err := s.Start(ctx, created.ID, nil); err != nil {
			return r.undo(ctx, s, created.ID, err)
		}
		fmt.Fprintln(a.out, created.ID)
		return nil
	}
	code, err := a.foreground(ctx, request.Tty, func(ctx context.Context, files [3]*os.File) (program, error) {
		p, err := s.Start(ctx, created.ID, &files)
		if err != nil {
			return nil, r.undo(ctx, s, created.ID, err)
		}
		return p, nil
	}, "vswitch stop "+nameOr(request.Name, created.ID))
	return ended(code, err)
}

// undo removes a container that was not started, where --rm asks for that or nobody
// waits for it any more. It returns err.
func (r *runFlags) undo(ctx context.Context, s switchAPI, id string, err error) error {
	if r.remove || ctx.Err() != nil {
		_ = s.Remove(context.WithoutCancel(ctx), id, true) // what matters is why it did not start
	}
	return err
}

func nameOr(name, id string) string {
	if name != "" {
		return name
	}
	return cutID(id, false)
}

// ended is how a command ends after the program that it ran.
func ended(code int, err error) error {
	if err == nil && code != 0 {
		return reported{exitStatus(code)}
	}
	return err
}
