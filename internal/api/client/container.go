package client

import (
	"context"
	"net/http"

	"vswitch/internal/api"
)

// Containers lists the running containers, or all.
func (c *Client) Containers(ctx context.Context, all bool) ([]api.ContainerSummary, error) {
	return get[[]api.ContainerSummary](ctx, c, given("/v1/containers", "all", all))
}

// Container shows a container.
func (c *Client) Container(ctx context.Context, ref string) (api.Container, error) {
	return get[api.Container](ctx, c, at("/v1/containers/{}", ref))
}

// CreateContainer makes a container; Start starts its program.
func (c *Client) CreateContainer(ctx context.Context, n api.ContainerCreate) (api.Created, error) {
	return call[api.Created](ctx, c, http.MethodPost, "/v1/containers", n)
}

// Stop ends a container's program.
func (c *Client) Stop(ctx context.Context, ref string, s api.Stop) error {
	return c.order(ctx, http.MethodPost, at("/v1/containers/{}/stop", ref), s)
}

// Remove removes a container; with force also a running one.
func (c *Client) Remove(ctx context.Context, ref string, force bool) error {
	return c.order(ctx, http.MethodDelete, given(at("/v1/containers/{}", ref), "force", force), nil)
}

// Wait waits for the end of a container's program and returns its exit code.
func (c *Client) Wait(ctx context.Context, ref string) (int, error) {
	return c.wait(ctx, at("/v1/containers/{}/wait", ref))
}

// ExecWait waits for the end of a run by its ID and returns its exit code.
func (c *Client) ExecWait(ctx context.Context, id string) (int, error) {
	return c.wait(ctx, at("/v1/exec/{}/wait", id))
}

// ExecSignal sends a run a signal, by its ID.
func (c *Client) ExecSignal(ctx context.Context, id string, s api.Control) error {
	return c.order(ctx, http.MethodPost, at("/v1/exec/{}/signal", id), s)
}

func (c *Client) wait(ctx context.Context, path string) (int, error) {
	w, err := get[api.Wait](ctx, c, path)
	return w.StatusCode, err
}

// Attach joins a network namespace that somebody else made.
func (c *Client) Attach(ctx context.Context, a api.Attach) (api.Created, error) {
	return call[api.Created](ctx, c, http.MethodPost, "/v1/attachments", a)
}

// Detach leaves a network namespace that somebody else made.
func (c *Client) Detach(ctx context.Context, ref string) error {
	return c.order(ctx, http.MethodDelete, at("/v1/attachments/{}", ref), nil)
}

// given adds a query parameter that is true.
func given(path, name string, v bool) string {
	if !v {
		return path
	}
	return path + "?" + name + "=true"
}
