package server

import (
	"net/http"

	"vswitch/internal/api"
)

// table has every call of the API once. A ref is a name, an ID, or the beginning
// of an ID, escaped as one segment of a path.
func table() []route {
	return []route{
		newRoute[none, Calls]("GET", "/v1/", "lists the calls of the API", calls),
		newRoute[none, none]("GET", "/metrics", "writes the counts in Prometheus' text format", metrics).gives("text"),
		plain("GET", "/v1/status", "says how the switch fares", Backend.Status),
		newRoute[api.Down, none]("POST", "/v1/down", "ends the switch and tells each thing that is gone", down).gives("lines of api.Removed"),

		plain("GET", "/v1/networks", "lists the networks", Backend.Networks),
		ask("/v1/networks", "makes a network", Backend.CreateNetwork),
		plain("POST", "/v1/networks/prune", "removes the networks that nobody uses", Backend.PruneNetworks),
		one("GET", "/v1/networks/{ref}", "shows a network", Backend.Network),
		drop("/v1/networks/{ref}", "removes a network", Backend.RemoveNetwork),
		order("/v1/networks/{ref}/connect", "joins a container to a network", Backend.Connect),
		order("/v1/networks/{ref}/disconnect", "takes a container off a network", Backend.Disconnect),

		newRoute[none, []api.ContainerSummary]("GET", "/v1/containers", "lists the running containers, or all", containers).with("all"),
		ask("/v1/containers", "makes a container", Backend.CreateContainer),
		one("GET", "/v1/containers/{ref}", "shows a container", Backend.Container),
		newRoute[none, none]("DELETE", "/v1/containers/{ref}", "removes a container, with force also a running one", remove).with("force"),
		newRoute[api.Start, api.Event]("POST", "/v1/containers/{ref}/start", "starts a container's program; upgraded, with the caller's descriptors", start),
		newRoute[api.Exec, api.Event]("POST", "/v1/containers/{ref}/exec", "runs one more program in a container; upgraded, with the caller's descriptors", exec),
		order("/v1/containers/{ref}/stop", "ends a container's program", Backend.Stop),
		wait("/v1/containers/{ref}/wait", "waits for the end of a container's program", Backend.Wait),
		newRoute[none, none]("GET", "/v1/containers/{ref}/logs", "copies what a container has written, with follow until its end", logs).with("follow").gives("text").endless(),
		change("/v1/containers/{ref}/ports", "publishes ports of a container, all or none", Backend.Publish),
		change("/v1/containers/{ref}/ports/remove", "ends the publishing of ports", Backend.Unpublish),
		wait("/v1/exec/{id}/wait", "waits for the end of a program by the ID of its started event", Backend.ExecWait),
		order("/v1/exec/{ref}/signal", "sends a signal to a program by the ID of its started event", Backend.ExecSignal),

		ask("/v1/attachments", "joins a network namespace that somebody else made", Backend.Attach),
		drop("/v1/attachments/{ref}", "leaves a network namespace that somebody else made", Backend.Detach),

		rows("/v1/fdb", "lists the stations that the switch has learned", Backend.FDB),
		rows("/v1/neighbours", "lists what the gateways answer for", Backend.Neighbours),
		rows("/v1/leases", "lists the DHCP leases", Backend.Leases),
		rows("/v1/names", "lists the names that DNS answers with", Backend.Names),
		rows("/v1/routes", "lists the routes of gateways and containers", Backend.Routes),
		rows("/v1/ports", "lists the published ports", Backend.Ports),
		rows("/v1/connections", "lists the connections by the ways out and by published ports", Backend.Connections),
		rows("/v1/mappings", "lists which end outside stands for which inside", Backend.NATMappings),
		plain("GET", "/v1/stats", "counts frames by port", Backend.Stats),

		ask("/v1/checks/ping", "pings one container from another", Backend.Ping),
		ask("/v1/checks/iperf", "measures the throughput between two containers", Backend.Iperf),
	}
}

func calls(s *Server, w *reply, _ *http.Request) error {
	return put(w, Calls{Schema: api.Schema("calls"), Calls: s.calls}, nil)
}

func containers(s *Server, w *reply, r *http.Request) error {
	all, err := isTrue(r, "all")
	if err != nil {
		return err
	}
	list, err := s.cfg.Backend.Containers(r.Context(), all)
	return put(w, list, err)
}

func remove(s *Server, w *reply, r *http.Request) error {
	force, err := isTrue(r, "force")
	if err != nil {
		return err
	}
	return put(w, none{}, s.cfg.Backend.Remove(r.Context(), r.PathValue("ref"), force))
}
