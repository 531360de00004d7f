package client

import (
	"context"
	"net/http"
	"net/url"

	"vswitch/internal/api"
)

// Networks lists the networks.
func (c *Client) Networks(ctx context.Context) ([]api.Network, error) {
	return get[[]api.Network](ctx, c, "/v1/networks")
}

// Network shows a network.
func (c *Client) Network(ctx context.Context, ref string) (api.Network, error) {
	return get[api.Network](ctx, c, at("/v1/networks/{}", ref))
}

// CreateNetwork makes a network.
func (c *Client) CreateNetwork(ctx context.Context, n api.NetworkCreate) (api.Created, error) {
	return call[api.Created](ctx, c, http.MethodPost, "/v1/networks", n)
}

// RemoveNetwork removes a network.
func (c *Client) RemoveNetwork(ctx context.Context, ref string) error {
	return c.order(ctx, http.MethodDelete, at("/v1/networks/{}", ref), nil)
}

// PruneNetworks removes the networks that nobody uses.
func (c *Client) PruneNetworks(ctx context.Context) (api.Pruned, error) {
	return call[api.Pruned](ctx, c, http.MethodPost, "/v1/networks/prune", nil)
}

// Connect joins a container to a network.
func (c *Client) Connect(ctx context.Context, network string, n api.NetworkConnect) error {
	return c.order(ctx, http.MethodPost, at("/v1/networks/{}/connect", network), n)
}

// Disconnect takes a container off a network.
func (c *Client) Disconnect(ctx context.Context, network string, d api.NetworkDisconnect) error {
	return c.order(ctx, http.MethodPost, at("/v1/networks/{}/disconnect", network), d)
}

// The tables; network "" is all of them.

// FDB lists the stations that the switch has learned.
func (c *Client) FDB(ctx context.Context, network string) ([]api.Station, error) {
	return rows[api.Station](ctx, c, "/v1/fdb", network)
}

// Neighbours lists what the gateways answer for.
func (c *Client) Neighbours(ctx context.Context, network string) ([]api.Neighbour, error) {
	return rows[api.Neighbour](ctx, c, "/v1/neighbours", network)
}

// Leases lists the DHCP leases.
func (c *Client) Leases(ctx context.Context, network string) ([]api.Lease, error) {
	return rows[api.Lease](ctx, c, "/v1/leases", network)
}

// Names lists the names that DNS answers with.
func (c *Client) Names(ctx context.Context, network string) ([]api.Name, error) {
	return rows[api.Name](ctx, c, "/v1/names", network)
}

// Routes lists the routes of gateways and containers.
func (c *Client) Routes(ctx context.Context, network string) ([]api.Route, error) {
	return rows[api.Route](ctx, c, "/v1/routes", network)
}

// rows gets a table.
func rows[A any](ctx context.Context, c *Client, path, network string) ([]A, error) {
	if network != "" {
		path += "?network=" + url.QueryEscape(network)
	}
	return get[[]A](ctx, c, path)
}
