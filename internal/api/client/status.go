package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"vswitch/internal/api"
)

// Status says how the switch fares.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status")
}

// Stats counts frames by port.
func (c *Client) Stats(ctx context.Context) (api.Stats, error) {
	return get[api.Stats](ctx, c, "/v1/stats")
}

// Ping asks whether one container reaches another.
func (c *Client) Ping(ctx context.Context, p api.Ping) (api.Pong, error) {
	return call[api.Pong](ctx, c, http.MethodPost, "/v1/checks/ping", p)
}

// Iperf measures the throughput between two containers.
func (c *Client) Iperf(ctx context.Context, p api.Iperf) (api.IperfResult, error) {
	return call[api.IperfResult](ctx, c, http.MethodPost, "/v1/checks/iperf", p)
}

// maxLine bounds a line of a stream in bytes.
const maxLine = 1 << 20

// Down ends the switch and calls tell, in this goroutine, for each thing that is
// gone. It returns when the switch has nothing more to tell; its process may live
// a moment longer. When ctx ends first, the switch still goes down.
func (c *Client) Down(ctx context.Context, d api.Down, tell func(api.Removed)) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/down", d)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		gone, failure, err := removed(in.Bytes())
		switch {
		case err != nil:
			return c.strange(err, "a line of its answer is not the JSON that was expected")
		case failure != nil:
			return failure
		}
		tell(gone)
	}
	if in.Err() != nil {
		return c.broken(ctx, in.Err())
	}
	return nil
}

// removed reads a line of down's answer: what is gone, or why it failed.
func removed(line []byte) (gone api.Removed, failure *api.Error, err error) {
	var probe struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(line, &probe); err != nil {
		return gone, nil, err
	}
	if probe.Schema == "" {
		return gone, nil, json.Unmarshal(line, &gone)
	}
	failure = new(api.Error)
	err = json.Unmarshal(line, failure)
	return gone, failure, err
}

// Metrics writes the switch's counts in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context, w io.Writer) error {
	return c.copy(ctx, "/metrics", w)
}

// Logs copies what a container has written; with follow until its end.
func (c *Client) Logs(ctx context.Context, ref string, follow bool, w io.Writer) error {
	return c.copy(ctx, given(at("/v1/containers/{}/logs", ref), "follow", follow), w)
}

// copy copies an answer as it comes.
func (c *Client) copy(ctx context.Context, path string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := &source{Reader: resp.Body}
	if _, err := io.Copy(w, body); err != nil && body.err == nil {
		return fmt.Errorf("client: copy the answer: %w", err)
	}
	if body.err != nil {
		return c.broken(ctx, body.err)
	}
	return nil
}

// source remembers why reading failed, to tell it from a failure to write.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
