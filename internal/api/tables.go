package api

import "time"

// The rows of the tables: what the switch knows now. A list is never null.

// Station is a row of the FDB.
type Station struct {
	Network   string `json:"network"`
	MAC       string `json:"mac"`
	VLAN      int    `json:"vlan"`
	Port      int    `json:"port"`
	Container string `json:"container,omitempty"` // empty: the gateway, or nobody known
	Static    bool   `json:"static"`
	// Age is how many seconds ago it was heard; 0 for a static one.
	Age int `json:"age"`
}

// Neighbour is a row of what the gateways answer for.
type Neighbour struct {
	Network   string `json:"network"`
	Address   string `json:"address"`
	MAC       string `json:"mac"`
	Container string `json:"container,omitempty"`
	// Origin is "endpoint", "gateway" or "lease".
	Origin string `json:"origin"`
}

// Lease is a DHCP lease.
type Lease struct {
	Network   string    `json:"network"`
	Address   string    `json:"address"`
	MAC       string    `json:"mac"`
	ClientID  string    `json:"clientId,omitempty"` // hex
	Hostname  string    `json:"hostname,omitempty"`
	Container string    `json:"container,omitempty"`
	State     string    `json:"state"` // offered, bound, released, declined, reserved
	Expires   time.Time `json:"expires"`
}

// Name is a name that DNS answers with.
type Name struct {
	Network   string   `json:"network"`
	Name      string   `json:"name"`
	Container string   `json:"container"`
	Addresses []string `json:"addresses"`
}

// Route is a row of a gateway's, or a container's, routes.
type Route struct {
	Of      string `json:"of"`   // the network's or the container's name
	Kind    string `json:"kind"` // network or container
	Dst     string `json:"dst"`  // a prefix, or "default"
	Gateway string `json:"gateway,omitempty"`
	Device  string `json:"device,omitempty"`
	Note    string `json:"note,omitempty"`
}

// PortStats are the counts of a port since it was attached.
type PortStats struct {
	Port      int    `json:"port"`
	Name      string `json:"name"`
	Network   string `json:"network"`
	Container string `json:"container,omitempty"`
	Interface string `json:"interface,omitempty"`
	RxFrames  uint64 `json:"rxFrames"` // from the container
	RxBytes   uint64 `json:"rxBytes"`
	TxFrames  uint64 `json:"txFrames"` // to the container
	TxBytes   uint64 `json:"txBytes"`
	Copies    uint64 `json:"copies"`
	Unicast   uint64 `json:"unicast"`
	Multicast uint64 `json:"multicast"`
	Broadcast uint64 `json:"broadcast"`
	Unknown   uint64 `json:"unknown"`
	// RingDrops is what the kernel dropped before the switch could read it.
	RingDrops uint64 `json:"ringDrops"`
	// Ends counts frames that ended, by the symbol of the reason; those that are
	// not drops ("consumed") included.
	Ends map[string]uint64 `json:"ends"`
}

// Stats are all ports and their sum over all that ever were.
type Stats struct {
	Schema   string      `json:"schema"`
	Ports    []PortStats `json:"ports"`
	Total    PortStats   `json:"total"`
	Balanced bool        `json:"balanced"`
	// CopiedBytes counts payload that userspace copied: 0.
	CopiedBytes uint64 `json:"copiedBytes"`
}

// Ping asks whether one container reaches another. From is a container; To is a
// container or an address.
type Ping struct {
	From, To string
	Count    int // 0 is 3
	// Network picks the address of To; empty tries those that both are on, then
	// any.
	Network string `json:",omitempty"`
	IPv6    bool   `json:",omitempty"`
	// Size is the payload in bytes, 0 is 56; Timeout in milliseconds for each
	// answer, 0 is 1000; Interval in milliseconds between requests, 0 is 1000.
	Size     int `json:",omitempty"`
	Timeout  int `json:",omitempty"`
	Interval int `json:",omitempty"`
}

// Pong is the result of a Ping. Times are in microseconds.
type Pong struct {
	Schema   string `json:"schema"`
	From     string `json:"from"`
	To       string `json:"to"`
	Address  string `json:"address"`
	Sent     int    `json:"sent"`
	Received int    `json:"received"`
	Times    []int  `json:"times"` // one an answer
	// Error says why nothing came: the kernel's error or the ICMP answer; empty
	// for silence.
	Error string `json:"error,omitempty"`
}

// Iperf asks for a throughput measurement between two containers.
type Iperf struct {
	From, To string
	Seconds  float64 // 0 is 5
	Streams  int     `json:",omitempty"` // 0 is 1
	Reverse  bool    `json:",omitempty"`
	UDP      bool    `json:",omitempty"`
	// Rate is iperf3's -b, "" its default (for UDP: no limit).
	Rate    string `json:",omitempty"`
	Network string `json:",omitempty"`
	IPv6    bool   `json:",omitempty"`
}

// IperfResult is what it gave.
type IperfResult struct {
	Schema      string  `json:"schema"`
	From        string  `json:"from"`
	To          string  `json:"to"`
	Address     string  `json:"address"`
	Seconds     float64 `json:"seconds"`
	Sent        float64 `json:"sentBitsPerSecond"`
	Received    float64 `json:"receivedBitsPerSecond"`
	Retransmits int     `json:"retransmits"`
	LostPercent float64 `json:"lostPercent"`
	JitterMs    float64 `json:"jitterMs"`
	Congestion  string  `json:"congestion,omitempty"`
}
