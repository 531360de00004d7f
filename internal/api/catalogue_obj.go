package api

// objects has conflicts of names, addresses and ports.
var objects = []Entry{
	{UnknownName, ExitNotFound,
		"There is no object of this name.",
		"",
		`
Names are looked up whole, then as the beginning of an id. ls (network ls, ps)
shows what there is. An ordinary user and root have a switch each, and neither
sees the other's objects.`},

	{NameExists, ExitConflict,
		"An object of this name exists already.",
		"choose another name, or remove the one that exists",
		`
Names are unique among the objects of one kind. A container that has ended
keeps its name until it is removed; run with --rm removes it at its end.`},

	{ObjectInUse, ExitConflict,
		"The object is in use by others.",
		"remove what uses it first",
		`
A network cannot go while containers are connected to it. inspect shows who
uses an object.`},

	{Ambiguous, ExitConflict,
		"More than one object is meant by this.",
		"write more of the id, or the whole name",
		`
Objects can be named by the beginning of their id. This beginning is that of
several. A whole name always wins over an id.`},

	{Predefined, ExitConflict,
		"The network is predefined and stays as it is.",
		"use a network of your own:  vswitch network create NAME",
		`
bridge, host and none are there from the start, each once. They cannot be made,
removed or, in the case of host and none, combined with other networks.`},

	{NotRunning, ExitConflict,
		"The container is not running.",
		"start it:  vswitch start NAME",
		`
The program of a container that has ended took the container's namespaces with
it: nothing can be run or measured there. ps -a shows when and how it ended.`},

	{IsRunning, ExitConflict,
		"The container is running.",
		"stop it first, or use -f",
		`
A running container is not removed by accident. stop ends its program with
SIGTERM and, when that takes too long, with SIGKILL; rm -f does both at once.`},

	{SubnetOverlap, ExitConflict,
		"The subnet overlaps one that is in use.",
		"choose another subnet with --subnet",
		`
Two networks with the same addresses cannot both be reached, and a network that
overlaps a route of the host (a VPN's, very often) takes traffic away from it.
The message names the other one and proposes a subnet that is free. ip route
shows the host's routes.`},

	{PortInUse, ExitConflict,
		"The port is in use.",
		"choose another port, or stop what listens there",
		`
Another program, or another container's published port, listens on the same
address and port. ss -ltnup shows who.`},

	{PrivilegedPort, ExitMachine,
		"An ordinary user may not listen on a port this low.",
		"use a port of 1024 or above, or ask an administrator to run:  sysctl -w net.ipv4.ip_unprivileged_port_start=80",
		`
Ports below net.ipv4.ip_unprivileged_port_start (1024 unless changed) are kept
for root. A higher port on the host can lead to any port of the container:
-p 8080:80 .`},

	{MTUTooLarge, ExitConflict,
		"The MTU is larger than the network underneath can carry.",
		"use a smaller --mtu",
		`
An overlay adds 50 bytes to each frame over IPv4 and 70 over IPv6; its MTU has
to be that much smaller than the one underneath. A larger one shows as
connections that open and then hang with large transfers.`},

	{AddressTaken, ExitConflict,
		"The address is in use on this network.",
		"choose another address, or leave the choice to the network",
		`
Every address of a network is given to one container at a time. inspect of the
network shows who has which; lease ls those that DHCP has given.`},

	{AddressOutside, ExitUsage,
		"The address does not belong to the network's subnet.",
		"choose an address of the subnet",
		`
Containers of one network reach each other without a router, so their addresses
must be of one subnet. The network's and the broadcast address of an IPv4 subnet
belong to nobody; the gateway has one as well.`},

	{PoolExhausted, ExitConflict,
		"The network has no free address left.",
		"remove containers, or make a network with a larger --subnet or --ip-range",
		`
An IPv4 subnet of n bits has 2^(32-n) addresses, less the network's, the
broadcast address and the gateway's. --ip-range makes it fewer: addresses
outside the range are given only to those who ask for one with --ip.`},

	{NoSubnetFree, ExitConflict,
		"All predefined subnets are in use or overlap routes of the host.",
		"give the network a subnet:  --subnet 10.123.0.0/24",
		`
Without --subnet a network gets the first of these that is free: 172.17.0.0/16
to 172.31.0.0/16, then 192.168.0.0/20 and on. A subnet is not free when another
network, a route or a name server of the host has addresses in it.`},

	{AddressNoSubnet, ExitUsage,
		"A fixed address needs a network whose subnet was given by the user.",
		"make a network with --subnet, and join that",
		`
A subnet that was chosen by itself can be another one after the network was made
anew, so a fixed address in it would not last. This is Docker's rule.`},

	{ModeExclusive, ExitConflict,
		"The networks host and none cannot be combined with others.",
		"join either that one, or others",
		`
On the network host a container has the host's own interfaces, on none it has no
interface but its loopback. Neither leaves room for another.`},

	{UnknownDriver, ExitUsage,
		"There is no network driver of this name.",
		"use one of those that the message lists",
		`
A driver decides what a network is made of. bridge is a switch of its own for
each network; host and none are there once, as networks of that name.`},

	{NamespaceGone, ExitNotFound,
		"The network namespace is not there any more.",
		"detach it:  vswitch detach NAME",
		`
A network namespace ends with its last process unless something else holds it.
What was attached to it has ended with it. The switch keeps the record until it
is detached or removed.`},

	{InterfaceTaken, ExitConflict,
		"The namespace has an interface of this name.",
		"choose another name with --ifname",
		`
Names of interfaces are unique in a network namespace. ip link, run in that
namespace, lists them.`},

	{NoLease, ExitFailed,
		"No DHCP server gave the container an address.",
		"",
		`
The container was to get its address by DHCP and got none in time. The server of
the network answers on the network itself: it gives nothing when its pool is
used up (network inspect shows that), or when the interface has been given
another's hardware address.`},

	{MACTaken, ExitConflict,
		"The hardware address is in use on this network.",
		"choose another --mac, or leave the choice to the network",
		`
Two stations with one address on a network would take each other's frames. An
address that nobody asked for is made of the IPv4 address, 02:42 and its four
bytes, so that two of them differ. network inspect shows who has which.`},

	{NamespaceClosed, ExitMachine,
		"The switch has no rights over this network namespace.",
		"run the switch as root to attach namespaces of others",
		`
An ordinary user's switch lives in a user namespace and has rights over network
namespaces that were made from inside it only. A namespace that was made
elsewhere, even by the same user with unshare, belongs to another user
namespace. As root, every namespace of the machine can be attached.`},

	{UplinkRights, ExitMachine,
		"This way out needs rights over the host's network that an ordinary user does not have.",
		"use --uplink socket, or run the switch as root",
		`
The way out tap puts a device into a network namespace, which only who has
rights over that namespace can do. The way out socket needs no right: it uses
sockets as any program does.`},

	{UplinkNetwork, ExitConflict,
		"The network cannot be the way out of the other.",
		"name another network:  --uplink network:NAME",
		`
The way out network:NAME gives a network a foot in another one, behind a NAT. It
needs a bridge network with a gateway, other than itself, and no circle: the way
out of a way out must end somewhere. A network that is another's way out cannot
be removed before that one.`},

	{PortRangeUsed, ExitConflict,
		"No port of the range is free on the host.",
		"give a larger range, or leave the host's port out",
		`
-p 8000-8010:80 takes the first port of the range that is free, -p 80 one of
those in net.ipv4.ip_local_port_range. port ls shows what is published, and
ss -ltnup who else listens.`},

	{HostAddressMissing, ExitConflict,
		"The host does not have the address that the port is to be published on.",
		"use an address of the host, or none for all of them",
		`
A published port listens on an address of the host. One that comes and goes, a
VPN's, has to be there when the port is published. ip addr shows what there is.`},

	{NotPublished, ExitNotFound,
		"The port is not published.",
		"see what is:  vswitch port ls",
		`
Ports are named by the container's port and protocol, 80/tcp, or as they were
published, 8080:80. port ls lists them.`},

	{PublishProtocol, ExitUsage,
		"Ports of this protocol cannot be published.",
		"publish tcp and udp ports",
		`
A published port is a socket of the host that every user may open: TCP or UDP.
SCTP passes where the way out is a packet NAT (--uplink tap or network:NAME),
by the address of the network's foot there.`},

	{SocketsExhausted, ExitMachine,
		"The host has no further socket or descriptor.",
		"raise the limit of open files (ulimit -n) and start the switch again",
		`
Every published port and every connection through the way out needs a socket of
the host, which counts as an open file. At start the switch raises its own limit
to the hard one (ulimit -Hn). conntrack ls shows who has the connections.`},
}
