package frame

// Reason names a way in which a frame ends without leaving by a port. Each has
// a counter in every port's ledger, a symbol for tables and a sentence.
type Reason uint8

// The ways in which a frame can end. The order is the order of the road.
const (
	// Accepted is the zero value: the frame goes on.
	Accepted Reason = iota
	// Consumed: a service of the switch itself took the frame.
	Consumed

	// Reading the port.
	DropReadError
	DropOversize
	DropVnet

	// Parsing.
	DropRunt
	DropTags
	DropIPv4
	DropIPv6
	DropARP
	DropTransport

	// Admission.
	DropNoPort
	DropBlocked
	DropSourceGroup
	DropSourceZero
	DropLinkLocal
	DropVLANTagged
	DropVLANUntagged
	DropVLANForeign
	DropSpoofMAC
	DropSpoofIP
	DropSpoofARP
	DropRogueDHCP
	DropStorm

	// Forwarding.
	DropSamePort
	DropIsolated
	DropNoEgress

	// The gateway and its services.
	DropGatewayHeader
	DropGatewaySource
	DropGatewayIsolated
	DropGatewayInternal
	DropGatewayICC
	DropNoRoute
	DropTTL
	DropTooBig
	DropNoService
	DropServiceBusy
	DropServiceLimit
	DropServiceMessage
	DropNeighbour

	// The way out, and in by published ports.
	DropUplinkProtocol
	DropUplinkLoopback
	DropUplinkUnreachable
	DropUplinkSockets
	DropUplinkLimit
	DropUplinkBusy
	DropNoFlow
	DropTCPWindow
	DropNATFiltered
	DropNATPorts
	DropNATLimit
	DropNATFragment
	DropNATForged

	// Writing the egress port.
	DropPortGone
	DropPortDown
	DropPortFull
	DropPortRefused
	DropMTU
	DropWriteError

	// Reasons counts the values above.
	Reasons
)

// reasons has one line a reason: symbol, sentence, remedy where there is one.
var reasons = [Reasons]struct{ symbol, sentence, remedy string }{
	Accepted: {"accepted", "The frame went on.", ""},
	Consumed: {"consumed", "A service of the switch took the frame.", ""},

	DropReadError: {"read-error", "Reading the frame from the port failed.", "the log of the switch names the system's error"},
	DropOversize:  {"oversize", "The frame is longer than a super-frame of 64 KiB may be.", ""},
	DropVnet:      {"bad-vnet-header", "The virtio header does not fit the frame that follows it.", ""},

	DropRunt:      {"runt", "The frame is shorter than an Ethernet header.", ""},
	DropTags:      {"tag-stack", "The frame carries more than two VLAN tags, or a tag without an EtherType.", ""},
	DropIPv4:      {"bad-ipv4", "The IPv4 header's version or lengths are wrong.", ""},
	DropIPv6:      {"bad-ipv6", "The IPv6 header's version, lengths or extension headers are wrong.", ""},
	DropARP:       {"bad-arp", "The ARP message is truncated or not Ethernet and IPv4.", ""},
	DropTransport: {"bad-transport", "The TCP, UDP or ICMP header does not fit its packet.", ""},

	DropNoPort:       {"unknown-port", "The frame came in by a port that the switch does not have.", ""},
	DropBlocked:      {"port-blocked", "The port is administratively down.", "enable the port"},
	DropSourceGroup:  {"source-multicast", "The source address is a multicast address, which no station has.", ""},
	DropSourceZero:   {"source-zero", "The source address is all zeros.", ""},
	DropLinkLocal:    {"link-local-group", "The destination is in 01:80:c2:00:00:0x, which a bridge never forwards.", ""},
	DropVLANTagged:   {"tagged-on-access", "A tagged frame came in by an access port.", "make the port a trunk"},
	DropVLANUntagged: {"untagged-on-trunk", "An untagged frame came in by a trunk without a native VLAN.", "give the trunk a native VLAN"},
	DropVLANForeign:  {"vlan-not-allowed", "The frame's VLAN is not among the trunk's.", "add the VLAN to the trunk"},
	DropSpoofMAC:     {"spoofed-mac", "The source address is not the port's own.", "allow it on the port, or switch anti-spoofing off there"},
	DropSpoofIP:      {"spoofed-ip", "The source IP address is not one of the port's own.", "add the address to the port, or switch anti-spoofing off there"},
	DropSpoofARP:     {"spoofed-arp", "The ARP or neighbour message claims an address that is not the port's own.", "add the address to the port, or switch anti-spoofing off there"},
	DropRogueDHCP:    {"rogue-dhcp", "The port answers DHCP or advertises itself as a router, which only the network's gateway does.", "switch anti-spoofing off on the port"},
	DropStorm:        {"storm", "The port sent more flooded frames than its storm limit allows.", "raise the port's storm limit"},

	DropSamePort: {"same-port", "The destination is behind the port that the frame came from.", ""},
	DropIsolated: {"isolated", "Both ports are isolated from each other.", ""},
	DropNoEgress: {"no-egress", "No other port takes the frame.", ""},

	DropGatewayHeader:   {"gateway-header", "A header that came to the gateway has a wrong checksum, options it does not take or no use there.", ""},
	DropGatewaySource:   {"gateway-source", "The source address of a packet to the gateway is none that it could answer.", ""},
	DropGatewayIsolated: {"network-isolated", "The destination is on another network, and networks are isolated from each other.", "connect both containers to one network:  vswitch network connect"},
	DropGatewayInternal: {"network-internal", "The network is internal: nothing leaves it.", "use a network without --internal"},
	DropGatewayICC:      {"icc-disabled", "The network does not let its containers talk to each other (enable_icc=false).", "use a network with enable_icc=true"},
	DropNoRoute:         {"no-route", "The gateway has no route to the destination.", ""},
	DropTTL:             {"ttl-expired", "The packet's time to live ended at the gateway.", ""},
	DropTooBig:          {"too-big", "The packet is larger than the next network's MTU and may not be fragmented.", "use one MTU on both networks"},
	DropNoService:       {"no-service", "Nothing at the gateway listens on the port or speaks the protocol.", ""},
	DropServiceBusy:     {"service-busy", "The gateway's service has too many requests waiting.", ""},
	DropServiceLimit:    {"service-limit", "The port asked the gateway's services for more than its share.", ""},
	DropServiceMessage:  {"bad-request", "The request to a service of the gateway is malformed.", ""},
	DropNeighbour:       {"neighbour-unknown", "The gateway does not know where on the network the destination is.", ""},

	DropUplinkProtocol:    {"uplink-protocol", "The way out does not carry this protocol for this user.", "see what it carries:  vswitch doctor"},
	DropUplinkLoopback:    {"host-loopback", "The packet is for services of the host's loopback, which are closed to containers.", "allow it:  vswitch network create --allow-host-loopback"},
	DropUplinkUnreachable: {"host-unreachable", "The host found no way to the destination, or it answered that there is none.", ""},
	DropUplinkSockets:     {"no-socket", "The host has no further socket, descriptor or port for a new connection.", "raise the limit of open files (ulimit -n) and start the switch again"},
	DropUplinkLimit:       {"connection-limit", "The container has as many connections as one may have, or the switch as many as all may.", "see them:  vswitch conntrack ls"},
	DropUplinkBusy:        {"uplink-busy", "The host's socket had no room for the datagram.", ""},
	DropNoFlow:            {"no-flow", "The packet belongs to no connection that the way out knows.", ""},
	DropTCPWindow:         {"tcp-window", "The TCP segment does not fit the state or the window of its connection.", ""},
	DropNATFiltered:       {"nat-filtered", "Nobody inside has asked for packets from there, and the NAT's filtering does not let them in.", "publish the port:  vswitch port publish"},
	DropNATPorts:          {"nat-ports", "The NAT has no free port for a new mapping.", "see them:  vswitch nat ls"},
	DropNATLimit:          {"nat-limit", "The NAT's table is full, or the source has as many flows as one may have.", "see them:  vswitch conntrack ls"},
	DropNATFragment:       {"nat-fragment", "A fragment overlaps another, or the one with the ports did not come in time.", ""},
	DropNATForged:         {"nat-icmp", "The ICMP error quotes a packet that no flow has sent.", ""},

	DropPortGone:    {"port-gone", "The egress port was removed while the frame was under way.", ""},
	DropPortDown:    {"port-down", "The egress port's device is down.", "set the container's interface up"},
	DropPortFull:    {"port-full", "The egress port's queue is full.", ""},
	DropPortRefused: {"port-refused", "The egress port's device refused the frame as malformed.", ""},
	DropMTU:         {"mtu", "The frame is larger than the egress port's MTU and may not be segmented.", "use one MTU on all ports of the network"},
	DropWriteError:  {"write-error", "Writing the frame to the egress port failed.", "the log of the switch names the system's error"},
}

// String returns the reason's symbol, as tables and metrics show it.
func (r Reason) String() string {
	if r < Reasons {
		return reasons[r].symbol
	}
	return "invalid"
}

// Sentence says in one sentence what happened to the frame.
func (r Reason) Sentence() string {
	if r < Reasons {
		return reasons[r].sentence
	}
	return "The reason is not one that this program knows."
}

// Remedy says what can be done about it; empty where nothing can.
func (r Reason) Remedy() string {
	if r < Reasons {
		return reasons[r].remedy
	}
	return ""
}
