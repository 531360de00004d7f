package network

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/ipam/dhcp/client"
)

// leasePatience is how long a container waits for its first address.
const leasePatience = 10 * time.Second

// askDHCP gets an endpoint's address from the network's DHCP server, over the
// network, as any client would, and goes on renewing it. After a restart the address
// is still there; it is asked for anew and, while the lease lasts, is the same.
func (m *Manager) askDHCP(b *box, e *Endpoint) error {
	n := m.networkOf(e)
	if n.rec.Pool(true) != nil && !e.IPv6.IsValid() {
		// The kernel makes this one of the router's advertisement (RFC 4862).
		m.mu.Lock()
		e.IPv6 = slaac(n.rec.Pool(true).Subnet, e.MAC)
		_ = n.pool6.Request(e.IPv6.Addr()) // nobody else is to have it; the kernel finds out who has
		m.mu.Unlock()
		if p := b.plugs[e.ID]; p != nil && !e.NoGuard {
			if err := p.allow(e.IPv6.Addr(), true); err != nil {
				return err
			}
		}
	}
	if n.rec.Pool(false) == nil {
		return nil
	}
	c, err := client.Open(b.ns, e.Ifname, b.rec.Hostname)
	if err != nil {
		return leaseError(b, n, err)
	}
	ctx, cancel := context.WithTimeout(m.ctx, leasePatience)
	defer cancel()
	lease, err := c.Ask(ctx, e.IPv4.Addr())
	if err == nil {
		err = m.takeLease(b, e, lease)
	}
	if err != nil {
		c.Close()
		return leaseError(b, n, err)
	}
	d := &dhcpClient{m: m, b: b, endpoint: e.ID, c: c, lease: lease}
	d.ctx, d.cancel = context.WithCancel(m.ctx)
	b.edit(func() { b.clients[e.ID] = d })
	d.wg.Go(d.renew)
	return nil
}

func leaseError(b *box, n *Network, err error) error {
	return api.Errorf(api.NoLease, err, "container %q got no address on network %q", b.rec.Name, n.rec.Name)
}

// slaac is the address that a station makes of a prefix and its hardware address
// (RFC 4862, section 5.5.3; RFC 4291, appendix A).
func slaac(p netip.Prefix, mac frame.MAC) netip.Prefix {
	a, own := p.Masked().Addr().As16(), frame.LinkLocalAddr(mac).As16()
	copy(a[8:], own[8:])
	return netip.PrefixFrom(netip.AddrFrom16(a), p.Bits())
}

// takeLease puts a lease's address onto the interface in place of the one before.
func (m *Manager) takeLease(b *box, e *Endpoint, l client.Lease) error {
	dev := b.plugs[e.ID].Device()
	old := e.IPv4
	if old != l.Addr {
		// The old one first: the kernel takes those that came later along.
		if old.IsValid() {
			if err := dev.DelAddr(old); err != nil {
				return err
			}
		}
		if err := dev.AddAddr(l.Addr); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.IPv4 = l.Addr
	e.DHCP.Router, e.DHCP.Expires = l.Router, l.Expires
	return nil
}

// dhcpClient renews an endpoint's lease.
type dhcpClient struct {
	m        *Manager
	b        *box
	endpoint string
	c        *client.Client
	lease    client.Lease // renew's, and after stop the stopper's
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// renew keeps the lease alive until stop.
func (d *dhcpClient) renew() {
	for {
		next, err := d.c.Keep(d.ctx, d.lease)
		if d.ctx.Err() != nil {
			return
		}
		if err != nil {
			d.m.cfg.Found(api.Errorf(api.NoLease, err, "container %q lost its address", d.b.rec.Name))
			select {
			case <-d.ctx.Done():
				return
			case <-time.After(leasePatience):
			}
			continue
		}
		d.lease = next
		d.note(next)
	}
}

// note writes down that a lease goes on, or that another address was given.
func (d *dhcpClient) note(l client.Lease) {
	if !d.lock() {
		return
	}
	defer d.b.op.Unlock()
	e := d.current()
	if e == nil {
		return
	}
	moved := e.IPv4 != l.Addr
	if moved {
		d.m.withdraw(d.b, e)
	}
	err := d.m.takeLease(d.b, e, l)
	if err == nil && moved {
		d.m.publish(d.b, e)
		err = d.m.refresh(d.b)
	}
	if err == nil {
		err = d.b.save()
	}
	if err != nil {
		d.m.cfg.Found(api.AsError(err))
	}
}

// lock takes the container's op, unless the client is to stop: who stops it holds
// op and waits.
func (d *dhcpClient) lock() bool {
	for !d.b.op.TryLock() {
		select {
		case <-d.ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

func (d *dhcpClient) current() *Endpoint {
	for _, e := range d.m.endpointsOf(d.b) {
		if e.ID == d.endpoint {
			return e
		}
	}
	return nil
}

// stop ends the renewing and leaves the lease as it is.
func (d *dhcpClient) stop() {
	d.cancel()
	d.wg.Wait()
	d.c.Close()
}

// release gives the lease back as well.
func (d *dhcpClient) release() {
	d.cancel()
	d.wg.Wait()
	if err := d.c.Release(d.lease); err != nil {
		d.m.log.Debug("a lease was not given back", "container", d.b.rec.Name, "err", err)
	}
	d.c.Close()
}
