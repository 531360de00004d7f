package client

import (
	"context"
	"net"
	"net/http"
	"time"
)

// How long Run.Wait goes on without a switch, and how long it pauses between two
// attempts to reach one.
const (
	patience = 15 * time.Second
	pause    = 100 * time.Millisecond
)

// Client speaks to one switch. It holds no connection and may be used from many
// goroutines at once. Make it with New.
type Client struct {
	socket  string
	version string
	http    *http.Client

	patience, pause time.Duration
}

// New returns a Client of the switch at socket, a path. version is this program's,
// for people.
func New(socket, version string) *Client {
	c := &Client{socket: socket, version: version, patience: patience, pause: pause}
	c.http = &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:  true,
			DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				conn, err := c.dial(ctx)
				if err != nil {
					return nil, err // not a nil connection that is no nil interface
				}
				return conn, nil
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Socket returns the path of the switch's socket.
func (c *Client) Socket() string { return c.socket }
