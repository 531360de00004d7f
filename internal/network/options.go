package network

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vswitch/internal/api"
	"vswitch/nat"
)

// Docker's option keys that a bridge network understands, and ours.
const (
	optName        = "com.docker.network.bridge.name"
	optDefault     = "com.docker.network.bridge.default_bridge"
	optICC         = "com.docker.network.bridge.enable_icc"
	optMasquerade  = "com.docker.network.bridge.enable_ip_masquerade"
	optHostBinding = "com.docker.network.bridge.host_binding_ipv4"
	optMode4       = "com.docker.network.bridge.gateway_mode_ipv4"
	optMode6       = "com.docker.network.bridge.gateway_mode_ipv6"
	optInhibit4    = "com.docker.network.bridge.inhibit_ipv4"
	optMTU         = "com.docker.network.driver.mtu"
	optIfPrefix    = "com.docker.network.container_iface_prefix"
	// optOverlap lets a subnet overlap a route of the host.
	optOverlap = "vswitch.allow_overlap"
	// optLease is how long DHCP gives an address for, as "90m" or "12h".
	optLease = "vswitch.lease_time"
	// optUplink is the way out: socket, tap, tap:PATH of a network namespace,
	// network:NAME or none.
	optUplink = "vswitch.uplink"
	// optHostLoopback opens the host's loopback to the network's containers.
	optHostLoopback = "vswitch.host_loopback"
	// optNAT says whom the way out lets in (RFC 4787).
	optNAT = "vswitch.nat"
	// optMaxFlows bounds the connections of one container.
	optMaxFlows = "vswitch.max_flows"
)

// The modes of a gateway (Docker's gateway_mode_*).
const (
	modeNAT         = "nat"
	modeUnprotected = "nat-unprotected"
	modeRouted      = "routed"
	modeIsolated    = "isolated"
)

// The range of an MTU: IPv4's least (RFC 791) and what a TAP device takes.
const (
	leastMTU, mostMTU = 68, 65521
	leastMTU6         = 1280 // RFC 8200, section 5
	defaultMTU        = 1500
)

// options are what a bridge network's options say.
type options struct {
	name         string
	icc          bool
	mode4, mode6 string
	inhibit4     bool
	mtu          int
	ifPrefix     string
	overlap      bool
	lease        time.Duration // 0: the DHCP server's own
	hostBinding  netip.Addr    // invalid: all addresses of the host
	uplink       uplinkOption
	hostLoopback bool
	personality  nat.Personality
	maxFlows     int
}

// readOptions reads a network's options. The error names the key.
func readOptions(in map[string]string) (o options, err error) {
	r := optionReader{in: in}
	o = options{
		name: r.text(optName, ""), icc: r.boolean(optICC, true), inhibit4: r.boolean(optInhibit4, false),
		mode4: r.oneOf(optMode4, modeNAT, modeUnprotected, modeRouted, modeIsolated),
		mode6: r.oneOf(optMode6, modeNAT, modeUnprotected, modeRouted, modeIsolated),
		mtu:   r.mtu(), ifPrefix: r.prefix(), overlap: r.boolean(optOverlap, false), lease: r.lease(),
	}
	r.boolean(optDefault, false)
	r.boolean(optMasquerade, true)
	o.hostBinding = r.address(optHostBinding)
	o.uplink, o.hostLoopback = r.uplink(), r.boolean(optHostLoopback, false)
	o.personality, o.maxFlows = r.personality(), r.maxFlows()
	return o, r.err
}

// isolatedMode reports whether the network has no gateway at all.
func (o *options) isolatedMode() bool { return o.mode4 == modeIsolated || o.mode6 == modeIsolated }

// optionReader reads values and keeps the first fault.
type optionReader struct {
	in  map[string]string
	err error
}

func (r *optionReader) bad(key, takes string) {
	if r.err == nil {
		r.err = api.Errorf(api.InvalidValue, nil, "option %s does not take %q", key, r.in[key]).Because("it takes %s", takes)
	}
}

func (r *optionReader) text(key, otherwise string) string {
	if v, ok := r.in[key]; ok {
		return v
	}
	return otherwise
}

func (r *optionReader) boolean(key string, otherwise bool) bool {
	v, ok := r.in[key]
	if !ok {
		return otherwise
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		r.bad(key, "true or false")
	}
	return b
}

func (r *optionReader) oneOf(key string, words ...string) string {
	v, ok := r.in[key]
	switch {
	case !ok:
		return words[0]
	case !slices.Contains(words, v):
		r.bad(key, strings.Join(words, ", "))
	}
	return v
}

func (r *optionReader) mtu() int {
	v, ok := r.in[optMTU]
	if !ok {
		return defaultMTU
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < leastMTU || n > mostMTU {
		r.bad(optMTU, "a number of bytes from "+strconv.Itoa(leastMTU)+" to "+strconv.Itoa(mostMTU))
	}
	return n
}

// lease is a lease time: not so short that renewing is all that happens.
func (r *optionReader) lease() time.Duration {
	v, ok := r.in[optLease]
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 2*time.Second || d > 365*24*time.Hour {
		r.bad(optLease, "a time from 2s to 8760h")
	}
	return d
}

// prefix is what interfaces are called before their number. A name has 15 bytes.
func (r *optionReader) prefix() string {
	v := r.text(optIfPrefix, "eth")
	if v == "" || len(v) > 10 || strings.ContainsFunc(v, notAlphanumeric) || v == "lo" {
		r.bad(optIfPrefix, "up to 10 letters and digits")
	}
	return v
}

func notAlphanumeric(c rune) bool {
	return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9')
}

func (r *optionReader) address(key string) netip.Addr {
	v, ok := r.in[key]
	if !ok {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		r.bad(key, "an address")
	}
	return a
}

// uplinkOption is a way out: its kind, and the network or the namespace that it leads
// to.
type uplinkOption struct{ kind, of string }

func (r *optionReader) uplink() uplinkOption {
	v := r.text(optUplink, uplinkSocket)
	kind, of, named := strings.Cut(v, ":")
	switch {
	case !named && (kind == uplinkSocket || kind == uplinkNone || kind == uplinkTap):
	case named && of != "" && (kind == uplinkTap || kind == uplinkNetwork):
	default:
		r.bad(optUplink, "socket, tap, tap:PATH, network:NAME or none")
	}
	return uplinkOption{kind, of}
}

// personality is Docker's and Linux's masquerading unless something else is asked for.
func (r *optionReader) personality() nat.Personality {
	p, err := nat.ParsePersonality(r.text(optNAT, nat.PortRestricted.String()))
	if err != nil {
		r.bad(optNAT, "full-cone, restricted, port-restricted or symmetric")
	}
	return p
}

// defaultMaxFlows is how many connections one container may have.
const defaultMaxFlows = 16384

func (r *optionReader) maxFlows() int {
	v, ok := r.in[optMaxFlows]
	if !ok {
		return defaultMaxFlows
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1<<24 {
		r.bad(optMaxFlows, "a number of connections from 1 to 16777216")
	}
	return n
}

// knownOption reports whether a bridge network does something with the key.
func knownOption(key string) bool {
	return slices.Contains([]string{optName, optDefault, optICC, optMasquerade, optHostBinding, optMode4, optMode6,
		optInhibit4, optMTU, optIfPrefix, optOverlap, optLease, optUplink, optHostLoopback, optNAT, optMaxFlows}, key)
}
