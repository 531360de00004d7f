package api

import "time"

// The wire types of networks. Field names and shapes are Docker's Engine API; what
// is ours alone stands under VSwitch.

// Network is a network as `network inspect` shows it.
type Network struct {
	Name       string
	ID         string `json:"Id"`
	Created    time.Time
	Scope      string
	Driver     string
	EnableIPv4 bool
	EnableIPv6 bool
	IPAM       IPAM
	Internal   bool
	Attachable bool
	Ingress    bool
	ConfigFrom ConfigFrom
	ConfigOnly bool
	// Containers has an entry an endpoint, by container ID; "ep-" and the endpoint
	// ID where the container's namespace is gone.
	Containers map[string]NetworkEndpoint
	Options    map[string]string
	Labels     map[string]string
	VSwitch    *NetworkExtra `json:",omitempty"`
}

// IPAM says where a network's addresses come from.
type IPAM struct {
	Driver  string
	Options map[string]string
	Config  []IPAMConfig
}

// IPAMConfig is one pool. Prefixes and addresses are in text form; empty is not
// given.
type IPAMConfig struct {
	Subnet             string            `json:",omitempty"`
	IPRange            string            `json:",omitempty"`
	Gateway            string            `json:",omitempty"`
	AuxiliaryAddresses map[string]string `json:",omitempty"`
}

// ConfigFrom is Docker's; always empty here.
type ConfigFrom struct{ Network string }

// NetworkEndpoint is a container on a network. The addresses carry the prefix
// length; the IPv6 one is empty without IPv6.
type NetworkEndpoint struct {
	Name        string
	EndpointID  string
	MacAddress  string
	IPv4Address string
	IPv6Address string
}

// NetworkExtra is what Docker does not tell about a network.
type NetworkExtra struct {
	Schema string `json:"schema"`
	// GatewayMAC is the address that the gateway's port answers with; empty
	// without a gateway.
	GatewayMAC string `json:"gatewayMac,omitempty"`
	MTU        int    `json:"mtu,omitempty"`
	// Ports counts the ports of the network's switch, Stations its FDB.
	Ports    int `json:"ports"`
	Stations int `json:"stations"`
	// Pools says how full the pools are, by subnet.
	Pools []PoolUse `json:"pools"`
	// DHCP says whether a DHCP server answers here, Leases how many it has given.
	DHCP   bool `json:"dhcp"`
	Leases int  `json:"leases"`
	// Uplink is the way out; nil where the network has no gateway.
	Uplink *UplinkState `json:"uplink,omitempty"`
	// Error says why the network is not up; empty when it is.
	Error string `json:"error,omitempty"`
}

// PoolUse is how full a pool is.
type PoolUse struct {
	Subnet string `json:"subnet"`
	// Used counts addresses that are taken: given out, the gateway's, and those that
	// nobody can have. Free counts those that are given out by themselves. Both are at
	// most 2^53.
	Used uint64 `json:"used"`
	Free uint64 `json:"free"`
}

// NetworkCreate asks for a network. An unknown field is an error.
type NetworkCreate struct {
	Name       string
	Driver     string // "" is bridge
	EnableIPv4 *bool  `json:",omitempty"` // nil is true
	EnableIPv6 bool
	IPAM       IPAM
	Internal   bool
	Attachable bool
	Options    map[string]string
	Labels     map[string]string
}

// Created answers a request that made an object.
type Created struct {
	ID       string   `json:"Id"`
	Warnings []string `json:"Warnings"`
}

// NetworkConnect joins a container to a network.
type NetworkConnect struct {
	Container string
	Endpoint  EndpointConfig
}

// NetworkDisconnect takes a container off a network. Force also takes an endpoint
// off whose container is gone.
type NetworkDisconnect struct {
	Container string
	Force     bool
}

// Pruned answers a prune request: the names of what was removed.
type Pruned struct {
	NetworksDeleted []string
}

// EndpointConfig says how a container joins a network.
type EndpointConfig struct {
	Network string // name, ID or the beginning of an ID
	// IPv4 and IPv6 ask for these addresses; empty takes the next free ones.
	IPv4 string `json:",omitempty"`
	IPv6 string `json:",omitempty"`
	MAC  string `json:",omitempty"`
	// Aliases are further names on this network.
	Aliases []string `json:",omitempty"`
	// GwPriority decides which network has the default route: the highest.
	GwPriority int               `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
	// DHCP gives the interface no address: it asks the network's DHCP server.
	DHCP bool `json:",omitempty"`
	// NoGuard lets the container send from any address.
	NoGuard bool `json:",omitempty"`
}
