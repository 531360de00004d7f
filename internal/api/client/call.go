package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"vswitch/internal/api"
)

// call sends body and returns the answer. A nil body sends none.
func call[A any](ctx context.Context, c *Client, method, path string, body any) (A, error) {
	var a A
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, c.broken(ctx, err)
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, c.strange(err, "its answer is not the JSON that was expected")
	}
	return a, nil
}

// get is a call without a body.
func get[A any](ctx context.Context, c *Client, path string) (A, error) {
	return call[A](ctx, c, http.MethodGet, path, nil)
}

// order is a call whose answer says nothing.
func (c *Client) order(ctx context.Context, method, path string, body any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// send sends a request and returns an answer that is no error. Its body is the
// caller's to close.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if err := c.check(ctx, resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// request makes a request with the versions in its header.
func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	if nameless(path) {
		return nil, api.Errorf(api.UnknownName, nil, "no object has an empty name")
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, api.Errorf(api.Unexpected, err, "cannot write the request")
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://vswitch"+path, content)
	if err != nil {
		return nil, api.Errorf(api.Unexpected, err, "cannot make the request")
	}
	req.Header.Set(api.HeaderAPI, strconv.Itoa(api.Version))
	req.Header.Set(api.HeaderVersion, c.version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// at puts a ref into a path, where {} stands. A name that is a dot or two would be
// a step in the path otherwise.
func at(path, ref string) string {
	segment := url.PathEscape(ref)
	if segment == "." || segment == ".." {
		segment = strings.ReplaceAll(segment, ".", "%2E")
	}
	return strings.Replace(path, "{}", segment, 1)
}

// nameless reports whether the ref in a path was empty: a slash then stands before
// another one, a query or the end.
func nameless(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/?") || strings.HasSuffix(path, "/")
}
