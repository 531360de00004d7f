package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// The agent is the half of a measurement that runs inside a station. Its
// standard output is at most two lines of JSON: a listening command says where
// it listens; then every command gives its report. Standard input carries
// nothing: its end means stop. So an agent cannot outlive the program that
// started it, however that ended.

// listening is the first line of a command that waits for a peer.
type listening struct {
	Listening netip.AddrPort `json:"listening"`
}

// agent is what a command of the agent gets.
type agent struct {
	out  *json.Encoder
	raw  io.Writer
	stop atomic.Bool     // for loops
	ctx  context.Context // for waits; both end with standard input
}

var agentCommands = map[string]func(a *agent, args []string) error{
	"udp-send": (*agent).udpSend,
	"udp-recv": (*agent).udpRecv,
	"echo":     (*agent).echo,
	"ping":     (*agent).ping,
	"tcp-sink": (*agent).tcpSink,
	"tcp-send": (*agent).tcpSend,
	"guard":    (*agent).guard,
	"dns":      (*agent).dns,
	"dhcp":     (*agent).dhcp,
	"sysctl":   (*agent).sysctl,
	"greet":    (*agent).greet,
	"open":     (*agent).open,

	"flow-echo": (*agent).flowEcho,
	"flow-fill": (*agent).flowFill,
}

// AgentMain runs one command of the agent and returns the exit code of the
// process: 0 done, 1 failed (one line on standard error), 2 wrong usage, or for
// "guard" the code of the guarded program. args begins with the command's name.
func AgentMain(args []string, stdin io.Reader, stdout io.Writer) int {
	if len(args) == 0 || agentCommands[args[0]] == nil {
		fmt.Fprintf(os.Stderr, "bench-agent: unknown command %q\n", args)
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a := &agent{out: json.NewEncoder(stdout), raw: stdout, ctx: ctx}
	go a.watch(stdin, cancel)
	err := agentCommands[args[0]](a, args[1:])
	return agentExit(args[0], err)
}

// agentExit turns a command's error into an exit code.
func agentExit(command string, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp), errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "bench-agent %s: %v\n", command, err)
		return 2
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "bench-agent %s: %v\n", command, err)
	return 1
}

var errUsage = errors.New("wrong usage")

// watch waits for the end of standard input. It is the one goroutine beside
// the command's own.
func (a *agent) watch(stdin io.Reader, cancel func()) {
	_, _ = io.Copy(io.Discard, stdin)
	a.stop.Store(true)
	cancel()
}

// announce says where a socket waits for its peer.
func (a *agent) announce(s *sock) error {
	local, err := s.local()
	if err != nil {
		return err
	}
	return a.out.Encode(listening{local})
}

// flags are the options that the commands share.
type flags struct {
	*flag.FlagSet
	to     addrPort
	listen addrPort
}

type addrPort struct{ netip.AddrPort }

// Set reads ADDRESS:PORT.
func (a *addrPort) Set(s string) (err error) {
	a.AddrPort, err = netip.ParseAddrPort(s)
	return err
}

func newFlags(name string) *flags {
	f := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.Var(&f.to, "to", "address and port of the peer")
	f.Var(&f.listen, "listen", "address and port to wait on; port 0 takes a free one")
	return f
}

// parse reads args; need names the options that must have been given.
func (f *flags) parse(args []string, need ...string) error {
	if err := f.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	given := map[string]bool{}
	f.Visit(func(o *flag.Flag) { given[o.Name] = true })
	for _, n := range need {
		if !given[n] {
			return fmt.Errorf("%w: -%s is missing", errUsage, n)
		}
	}
	return nil
}

// open reads args and makes a socket of the kind bound to what -listen says.
func (f *flags) open(args []string, kind int) (*sock, error) {
	if err := f.parse(args, "listen"); err != nil {
		return nil, err
	}
	return openSock(kind, f.listen.AddrPort)
}

// idle is how long a command waits in the kernel before it looks whether it
// shall stop.
const idle = 50 * time.Millisecond
