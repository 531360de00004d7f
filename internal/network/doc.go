// Package network is the model that a Docker user knows, and what it is made of:
// networks with drivers, containers joined to them by endpoints.
//
// # What there is
//
// A Manager keeps records - networks, containers with their endpoints, leases - in
// files, and beside each record what runs because of it:
//
//	Fabric      one engine, and the switches that it serves
//	Segment     an open network: its switch, its gateway, DHCP and names
//	box         a container that runs: sandbox, plugs, program, name server inside
//	Plug        an endpoint: a TAP device and its port in the network's switch
//
// A frame belongs to the switch that its port belongs to, so networks are apart by
// construction; only a gateway leads from one to another, and says where not.
//
// # Drivers
//
// A network is what its Driver opens: bridge makes a Segment, host and null (the
// network none) make nothing. A new kind is a file with a Driver and its place in
// the list drivers; overlay, macvlan and ipvlan differ from bridge in the ports that
// they add to the Segment and in who answers for the gateway.
//
// # Beyond this process
//
// Programs (the keeper) holds namespaces and programs; TAP devices are persistent.
// A Manager that is made later reads the records, asks for what is held, attaches to
// the devices again and goes on (load.go). Release lets go without ending anything.
// A record is written before a caller hears of its change, and the change is undone
// when it cannot be written.
//
// # Who waits for whom
//
// box.op serialises what is done with one container, and may be held long. Manager.mu
// guards the tables and the records, and is held for moments; who holds it waits for
// nothing. Requests to a gateway's services come from worker threads into a queue and
// are answered by one goroutine a network. The DHCP server calls back under its own
// lock, and the callbacks take mu: nobody calls it with mu held. The engine's news
// that a device is gone takes mu, never op.
//
// # Timers
//
// FDBs are swept every 10 s; attachments are looked at every 5 s; leases, router
// advertisements and containers' own leases have theirs in ipam/dhcp.
package network
