package api

import "time"

// The wire types of containers. Field names and shapes are Docker's Engine API;
// what is ours alone stands under VSwitch.

// ContainerCreate asks for a container: a set of namespaces, and the program that
// runs in them. An unknown field is an error.
type ContainerCreate struct {
	Name string // "" makes one
	// Cmd is the program and its arguments. Without one the container has no
	// program and runs until it is stopped.
	Cmd        []string
	Env        []string // "KEY=value", in place of the switch's own environment
	WorkingDir string
	Hostname   string // "" is the first 12 digits of the ID, as Docker has it
	Labels     map[string]string
	Tty        bool
	AutoRemove bool
	// Networks are joined in this order; none is the network bridge. "none" and
	// "host" stand alone.
	Networks []EndpointConfig
	// DNS, DNSSearch and DNSOptions replace what /etc/resolv.conf would say.
	DNS        []string `json:",omitempty"`
	DNSSearch  []string `json:",omitempty"`
	DNSOptions []string `json:",omitempty"`
	// ExtraHosts are "name:address" lines of /etc/hosts.
	ExtraHosts []string `json:",omitempty"`
	Publish
}

// Attach asks to join a network namespace that somebody else made.
type Attach struct {
	Name string
	// NetNS is a path to the namespace; or PID is a process in it.
	NetNS string `json:",omitempty"`
	PID   int    `json:",omitempty"`
	// Interface is the name that the interface gets there; "" is eth0.
	Interface string `json:",omitempty"`
	Endpoint  EndpointConfig
	Publish
}

// Exec asks to run one more program in a container.
type Exec struct {
	Cmd        []string
	Env        []string
	WorkingDir string
	Tty        bool
}

// Start asks to start a container's program. Attach hands the caller's descriptors
// over; without it the output goes to the container's log.
type Start struct {
	Attach bool
}

// Event is a line of the stream that follows an upgraded start or exec: first
// Started, then Exited.
type Event struct {
	// Type is "started" or "exited". A start that failed is one "exited" with Error.
	Type string `json:"type"`
	// Exec names the run, for ExecWait after the stream broke.
	Exec string `json:"exec,omitempty"`
	PID  int    `json:"pid,omitempty"`
	// Code is the program's exit code, 128+N when signal N ended it.
	Code int `json:"code"`
	// Error says why the program could not be started.
	Error *Error `json:"error,omitempty"`
}

// Control is a line that the client sends on that stream: a signal by its number.
type Control struct {
	Signal int `json:"signal,omitempty"`
}

// Stop asks to end a container: SIGTERM, and SIGKILL after Timeout seconds.
type Stop struct {
	Timeout int
}

// Wait answers a request to wait for a program's end.
type Wait struct {
	StatusCode int
}

// ContainerSummary is a container in a list.
type ContainerSummary struct {
	ID      string   `json:"Id"`
	Names   []string // each with a leading slash, as Docker has it
	Command string
	Created int64 // seconds since 1970
	Ports   []Port
	Labels  map[string]string
	State   string // created, running, exited, dead
	Status  string // "Up 5 seconds", "Exited (0) 2 minutes ago"
	// NetworkSettings has the networks by name.
	NetworkSettings struct{ Networks map[string]EndpointSettings }
	VSwitch         ContainerExtra
}

// Port is a published port.
type Port struct {
	IP          string `json:",omitempty"`
	PrivatePort uint16
	PublicPort  uint16 `json:",omitempty"`
	Type        string
}

// Container is a container as `inspect` shows it.
type Container struct {
	ID              string `json:"Id"`
	Created         time.Time
	Path            string
	Args            []string
	State           ContainerState
	Name            string // with a leading slash
	LogPath         string
	HostConfig      HostConfig
	Config          ContainerConfig
	NetworkSettings NetworkSettings
	VSwitch         ContainerExtra
}

// ContainerState is how a container fares.
type ContainerState struct {
	Status     string
	Running    bool
	Paused     bool
	Restarting bool
	OOMKilled  bool
	Dead       bool
	Pid        int
	ExitCode   int
	Error      string
	StartedAt  time.Time
	FinishedAt time.Time
}

// HostConfig is what a container was asked to be, as seen from the host.
type HostConfig struct {
	NetworkMode     string
	PortBindings    map[string][]PortBinding
	PublishAllPorts bool
	AutoRemove      bool
	DNS             []string `json:"Dns"`
	DNSOptions      []string `json:"DnsOptions"`
	DNSSearch       []string `json:"DnsSearch"`
	ExtraHosts      []string
}

// PortBinding is where on the host a port is published.
type PortBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// ContainerConfig is what a container was asked to be, as seen from inside.
type ContainerConfig struct {
	Hostname   string
	Tty        bool
	Env        []string
	Cmd        []string
	WorkingDir string
	Labels     map[string]string
	// ExposedPorts are those that were named by --expose and -p.
	ExposedPorts map[string]struct{} `json:",omitempty"`
}

// NetworkSettings are a container's networks. The fields beside Networks are those
// of the network bridge, as Docker has them; empty when it is not joined.
type NetworkSettings struct {
	Bridge              string
	SandboxID           string
	SandboxKey          string
	Ports               map[string][]PortBinding
	EndpointID          string
	Gateway             string
	GlobalIPv6Address   string
	GlobalIPv6PrefixLen int
	IPAddress           string
	IPPrefixLen         int
	IPv6Gateway         string
	MacAddress          string
	Networks            map[string]EndpointSettings
}

// EndpointSettings is a container on one of its networks.
type EndpointSettings struct {
	IPAMConfig          *EndpointIPAM
	Links               []string
	Aliases             []string
	MacAddress          string
	DriverOpts          map[string]string
	GwPriority          int
	NetworkID           string
	EndpointID          string
	Gateway             string
	IPAddress           string
	IPPrefixLen         int
	IPv6Gateway         string
	GlobalIPv6Address   string
	GlobalIPv6PrefixLen int
	DNSNames            []string
	VSwitch             EndpointExtra
}

// EndpointIPAM are the addresses that were asked for.
type EndpointIPAM struct {
	IPv4Address string `json:",omitempty"`
	IPv6Address string `json:",omitempty"`
}

// EndpointExtra is what Docker does not tell about an endpoint.
type EndpointExtra struct {
	// Interface is its name inside the container, Port its number in the switch.
	Interface string `json:"interface"`
	Port      int    `json:"port"`
	MTU       int    `json:"mtu"`
	DHCP      bool   `json:"dhcp,omitempty"`
	Guard     bool   `json:"guard"`
	// Default says that the container's default route leads here.
	Default bool `json:"default"`
	// Error says why the port does not work; empty when it does.
	Error string `json:"error,omitempty"`
}

// ContainerExtra is what Docker does not tell about a container.
type ContainerExtra struct {
	Schema string `json:"schema"`
	// Kind is "container", or "attached" for a namespace that somebody else made.
	Kind string `json:"kind"`
	// NetNS is a path by which root, or who is in the switch's user namespace, can
	// enter the network namespace.
	NetNS string `json:"netns,omitempty"`
	// Addresses are those of all networks, in the order of their joining.
	Addresses []string `json:"addresses"`
	// PublishMode is how its ports are published.
	PublishMode string `json:"publishMode,omitempty"`
	// PublishError says why they are not; empty when they are.
	PublishError string `json:"publishError,omitempty"`
}
