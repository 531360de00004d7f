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
}
