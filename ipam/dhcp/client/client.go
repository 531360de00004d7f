package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// patience is how long an answer is waited for before the question is repeated.
const patience = time.Second

// shortest is the least lifetime that is believed.
const shortest = time.Second

// Lease is what a server gave.
type Lease struct {
	Addr    netip.Prefix
	Router  netip.Addr // invalid: none
	Expires time.Time

	renew, rebind time.Time
	raw           *nclient4.Lease
}

// Namespace is where the interface is.
type Namespace interface {
	Do(fn func() error) error
}

// Client asks for one interface's address. One goroutine may use it at a time.
type Client struct {
	c    *nclient4.Client
	mods []dhcpv4.Modifier
}

// Open opens a client's socket in the namespace ns, for the interface ifname. Close
// it. The socket works from any thread.
func Open(ns Namespace, ifname, hostname string) (*Client, error) {
	c := &Client{}
	if hostname != "" {
		c.mods = append(c.mods, dhcpv4.WithOption(dhcpv4.OptHostName(hostname)))
	}
	err := ns.Do(func() (err error) {
		c.c, err = nclient4.New(ifname, nclient4.WithTimeout(patience), nclient4.WithRetry(1<<16))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dhcp client: open %s: %w", ifname, err)
	}
	return c, nil
}

// Ask gets a lease, until ctx ends. want is an address that the interface had
// before, and would like to have again; the zero Addr for any.
func (c *Client) Ask(ctx context.Context, want netip.Addr) (Lease, error) {
	mods := c.mods
	if want.IsValid() {
		mods = append(mods[:len(mods):len(mods)], dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(want.AsSlice())))
	}
	l, err := c.c.Request(ctx, mods...)
	for refused(err) && sleep(ctx, patience) == nil {
		// Somebody was faster than we: from the beginning (RFC 2131, section 3.1).
		l, err = c.c.Request(ctx, c.mods...)
	}
	if err != nil {
		return Lease{}, fmt.Errorf("dhcp client: ask for an address: %w", err)
	}
	return leaseOf(l)
}

// refused reports whether the server has said no.
func refused(err error) bool {
	_, nak := errors.AsType[*nclient4.ErrNak](err)
	return nak
}

// leaseOf reads an ACK.
func leaseOf(raw *nclient4.Lease) (Lease, error) {
	ack := raw.ACK
	addr, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	ones, bits := ack.SubnetMask().Size()
	if !ok || bits != 32 {
		return Lease{}, errors.New("dhcp client: the server gave no address, or no mask for it")
	}
	l := Lease{Addr: netip.PrefixFrom(addr, ones), raw: raw}
	if routers := ack.Router(); len(routers) > 0 {
		l.Router, _ = netip.AddrFromSlice(routers[0].To4())
	}
	lifetime := max(ack.IPAddressLeaseTime(time.Hour), shortest)
	t1, t2 := ack.IPAddressRenewalTime(lifetime/2), ack.IPAddressRebindingTime(lifetime*7/8)
	if t1 <= 0 || t2 < t1 || lifetime < t2 {
		t1, t2 = lifetime/2, lifetime*7/8 // a server's nonsense must not have us ask without a pause
	}
	l.Expires = raw.CreationTime.Add(lifetime)
	l.renew, l.rebind = raw.CreationTime.Add(t1), raw.CreationTime.Add(t2)
	return l, nil
}

// Keep waits until it is time to renew l, renews or rebinds it, and returns what it
// is then. When the lease has run out or was refused, a new one is asked for, which
// may have another address. It returns early, with ctx's error, when ctx ends.
func (c *Client) Keep(ctx context.Context, l Lease) (Lease, error) {
	if err := sleep(ctx, time.Until(l.renew)); err != nil {
		return Lease{}, err
	}
	server, _ := netip.AddrFromSlice(l.raw.ACK.ServerIdentifier().To4())
	for _, try := range []struct {
		until time.Time
		to    *net.UDPAddr
	}{
		{l.rebind, &net.UDPAddr{IP: server.AsSlice(), Port: nclient4.ServerPort}},
		{l.Expires, nclient4.DefaultServers},
	} {
		next, err := c.extend(ctx, l, try.until, try.to)
		if refused(err) {
			break
		}
		if err == nil || ctx.Err() != nil {
			return next, errors.Join(err, ctx.Err())
		}
	}
	return c.Ask(ctx, netip.Addr{})
}

// extend asks for more time, until that of a state is over (RFC 2131, section
// 4.3.2: RENEWING to the server, REBINDING to everybody). Both go out as broadcast
// frames, since the client has no neighbour table of its own.
func (c *Client) extend(ctx context.Context, l Lease, until time.Time, to *net.UDPAddr) (Lease, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	request, err := dhcpv4.NewRenewFromAck(l.raw.ACK, c.mods...)
	if err != nil {
		return Lease{}, fmt.Errorf("dhcp client: renew: %w", err)
	}
	answer, err := c.c.SendAndRead(ctx, to, request, nclient4.IsMessageType(dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak))
	if err != nil {
		return Lease{}, fmt.Errorf("dhcp client: renew: %w", err)
	}
	if answer.MessageType() == dhcpv4.MessageTypeNak {
		return Lease{}, &nclient4.ErrNak{Offer: l.raw.Offer, Nak: answer}
	}
	return leaseOf(&nclient4.Lease{Offer: l.raw.Offer, ACK: answer, CreationTime: time.Now()})
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release gives the lease back. There is no answer to it (RFC 2131, section 4.4.6).
func (c *Client) Release(l Lease) error {
	if l.raw == nil {
		return nil
	}
	if err := c.c.Release(l.raw); err != nil {
		return fmt.Errorf("dhcp client: release: %w", err)
	}
	return nil
}

// Close closes the socket.
func (c *Client) Close() error { return c.c.Close() }
