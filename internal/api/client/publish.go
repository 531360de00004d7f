package client

import (
	"context"
	"net/http"

	"vswitch/internal/api"
)

// Publish publishes ports of a container, all or none, and returns what is published
// then.
func (c *Client) Publish(ctx context.Context, ref string, p api.PortPublish) (api.Ports, error) {
	return call[api.Ports](ctx, c, http.MethodPost, at("/v1/containers/{}/ports", ref), p)
}

// Unpublish ends the publishing of ports and returns what is published still.
func (c *Client) Unpublish(ctx context.Context, ref string, p api.PortUnpublish) (api.Ports, error) {
	return call[api.Ports](ctx, c, http.MethodPost, at("/v1/containers/{}/ports/remove", ref), p)
}

// The tables; network "" is all of them.

// Ports lists the published ports.
func (c *Client) Ports(ctx context.Context, network string) ([]api.PublishedPort, error) {
	return rows[api.PublishedPort](ctx, c, "/v1/ports", network)
}

// Connections lists the connections by the ways out and by published ports.
func (c *Client) Connections(ctx context.Context, network string) ([]api.Connection, error) {
	return rows[api.Connection](ctx, c, "/v1/connections", network)
}

// NATMappings lists which end outside stands for which inside.
func (c *Client) NATMappings(ctx context.Context, network string) ([]api.NATMapping, error) {
	return rows[api.NATMapping](ctx, c, "/v1/mappings", network)
}
