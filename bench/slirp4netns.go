package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"
)

// Slirp is the way out of and into a guest by slirp4netns
// (https://github.com/rootless-containers/slirp4netns).
type Slirp struct{ guest }

// NewSlirp returns a runner; see NewKernel for the rights.
func NewSlirp(o PeerOptions) *Slirp { return &Slirp{guest{PeerOptions: o}} }

// slirpGuest is the address that slirp4netns gives the guest (slirp4netns(1)).
var slirpGuest = netip.AddrFrom4([4]byte{10, 0, 2, 100})

// Start implements Runner.
func (s *Slirp) Start(ctx context.Context) ([]Station, error) {
	err := s.prepare()
	if err == nil {
		err = s.run(ctx, "--configure", "--mtu", strconv.Itoa(s.MTU), "--disable-dns", "--api-socket", s.socket(),
			"--netns-type=path", s.mounted(), guestLink)
	}
	if err == nil && s.Inward {
		err = errors.Join(s.publish(ctx, "tcp"), s.publish(ctx, "udp"))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.stations(slirpGuest), nil
}

func (s *Slirp) socket() string { return filepath.Join(s.dir, "s") }

// publish asks slirp4netns to forward a port of the host (slirp4netns(1), section
// API SOCKET). A connection takes one request.
func (s *Slirp) publish(ctx context.Context, proto string) error {
	ctx, cancel := context.WithTimeout(ctx, peerStart)
	defer cancel()
	c, err := dialSoon(ctx, s.socket())
	if err != nil {
		return fmt.Errorf("bench: publish a port by slirp4netns: %w", err)
	}
	defer c.Close()
	request := map[string]any{"execute": "add_hostfwd", "arguments": map[string]any{
		"proto": proto, "host_addr": hostAddr.String(), "host_port": publishedPort,
		"guest_addr": slirpGuest.String(), "guest_port": publishedPort,
	}}
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	end, _ := ctx.Deadline()
	err = errors.Join(c.SetDeadline(end), json.NewEncoder(c).Encode(request))
	if err == nil {
		err = json.NewDecoder(c).Decode(&answer)
	}
	if err == nil && len(answer.Error) > 0 {
		err = errors.New(string(answer.Error))
	}
	if err != nil {
		return fmt.Errorf("bench: publish a port by slirp4netns: %w", err)
	}
	return nil
}

// dialSoon calls at a socket that may not be there yet.
func dialSoon(ctx context.Context, path string) (net.Conn, error) {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return c, nil
		}
		if rest(ctx, 10*time.Millisecond) != nil {
			return nil, err
		}
	}
}
