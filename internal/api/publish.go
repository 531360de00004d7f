package api

// The wire types of published ports, connections and mappings.

// Ways of publishing a port.
const (
	// PublishSource: connections enter the network as packets, with the client's own
	// address as their source.
	PublishSource = "source"
	// PublishSplice: TCP connections end at the switch and are spliced to a socket
	// inside the container; the container sees its own address. Faster on loopback.
	PublishSplice = "splice"
)

// Publish says which ports of a container are published. Ports are named as Docker
// does: "80/tcp", "53/udp".
type Publish struct {
	// PortBindings says where on the host. HostIp may be empty: all addresses of the
	// host, or what the network's host_binding_ipv4 says. HostPort may be empty, a free
	// one then, or a range "8000-8010", of which the first free one is taken.
	PortBindings map[string][]PortBinding `json:",omitempty"`
	// ExposedPorts are those that PublishAllPorts publishes to free ports.
	ExposedPorts    map[string]struct{} `json:",omitempty"`
	PublishAllPorts bool                `json:",omitempty"`
	// PublishMode is PublishSource, which "" stands for, or PublishSplice.
	PublishMode string `json:",omitempty"`
}

// PortPublish asks to publish ports of a container that is there.
type PortPublish struct {
	PortBindings map[string][]PortBinding
	PublishMode  string `json:",omitempty"`
}

// PortUnpublish asks to end that. A port without bindings means all of its bindings; a
// binding with an empty HostIp all addresses with that HostPort.
type PortUnpublish struct {
	PortBindings map[string][]PortBinding
}

// Ports answers both: what is published now.
type Ports struct {
	Ports map[string][]PortBinding
}

// PublishedPort is a row of port ls.
type PublishedPort struct {
	Container string `json:"container"`
	// Network is the one that it is published by: that of the default route.
	Network  string `json:"network"`
	Protocol string `json:"protocol"`
	HostIP   string `json:"hostIp"`
	HostPort uint16 `json:"hostPort"`
	// Address is the container's, Port its port.
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	// Mode is "source", "splice", or "nat" where the way out is a packet NAT.
	Mode string `json:"mode"`
	// Activated says that the socket was handed over by systemd.
	Activated bool `json:"activated,omitempty"`
	// Accepted counts connections, and for UDP clients; Active those that are open.
	Accepted uint64 `json:"accepted"`
	Active   uint64 `json:"active"`
	// Refused counts clients that were turned away at the door: there were too many, or
	// the host had no descriptor; in the mode splice also those that the container
	// refused, which in the mode source are accepted first and reset then.
	Refused uint64 `json:"refused"`
	// Error says why nothing comes in; empty when it works.
	Error string `json:"error,omitempty"`
}

// Connection is a row of conntrack ls. Ends are "address:port"; of ICMP the port is the
// identifier.
type Connection struct {
	Network   string `json:"network"`
	Container string `json:"container,omitempty"`
	Protocol  string `json:"protocol"`
	// State is TCP's, or UNREPLIED, REPLIED.
	State string `json:"state"`
	// Direction is "out", or "in" for one that came by a published port.
	Direction string `json:"direction"`
	// Path is "socket", "splice" or "nat".
	Path string `json:"path"`
	// Inside is the container's end, Remote the other one as the container sees it.
	Inside string `json:"inside"`
	Remote string `json:"remote"`
	// Outside is the end that the far side sees, Peer the far side as seen from there.
	Outside string `json:"outside"`
	Peer    string `json:"peer"`
	// Tx is what the container sent, Rx what it was sent.
	TxPackets uint64 `json:"txPackets"`
	TxBytes   uint64 `json:"txBytes"`
	RxPackets uint64 `json:"rxPackets"`
	RxBytes   uint64 `json:"rxBytes"`
	// Idle is for how many seconds nothing has passed, Timeout after how many it ends;
	// 0: never. Of a spliced connection neither packets nor Idle are known, of one by a
	// NAT not Idle.
	Idle    float64 `json:"idle"`
	Timeout float64 `json:"timeout,omitempty"`
}

// NATMapping is a row of nat ls: which end outside stands for which one inside.
type NATMapping struct {
	Network   string `json:"network"`
	Container string `json:"container,omitempty"`
	Protocol  string `json:"protocol"`
	Inside    string `json:"inside"`
	Outside   string `json:"outside"`
	// Kind is "dynamic", or "forward" for a published port.
	Kind string `json:"kind"`
	// Filtering says who may send to it: "full-cone", "restricted", "port-restricted",
	// "symmetric".
	Filtering string  `json:"filtering"`
	Flows     int     `json:"flows"`
	Timeout   float64 `json:"timeout,omitempty"` // seconds
}

// UplinkState is how a network's way out fares.
type UplinkState struct {
	// Kind is "socket", "tap", "network" or "none".
	Kind string `json:"kind"`
	// Of is the other network, or the interface in the namespace that a tap leads to.
	Of string `json:"of,omitempty"`
	// Outer are the addresses that packets leave with, where the way out has any.
	Outer []string `json:"outer,omitempty"`
	// HostLoopback says that containers reach the host's loopback by its name.
	HostLoopback bool `json:"hostLoopback"`
	// Filtering says from whom a mapping takes packets.
	Filtering string `json:"filtering"`
	// Ping is what echo requests leave by: "ping socket", "raw socket" or "none".
	Ping string `json:"ping,omitempty"`

	Flows     uint64 `json:"flows"`
	Opened    uint64 `json:"opened"`
	Refused   uint64 `json:"refused"`
	Failed    uint64 `json:"failed"`
	Limited   uint64 `json:"limited"`
	Exhausted uint64 `json:"exhausted"`
	// StashedBytes had to be copied, Resent was sent to a container twice.
	StashedBytes uint64 `json:"stashedBytes"`
	Resent       uint64 `json:"resent"`
}
