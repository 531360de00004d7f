package bench

import (
	"context"
	"net/netip"
	"strconv"
	"time"
)

// measureDNS asks for a container's name, at the loopback address and at the
// gateway's.
func (n *networks) measureDNS(ctx context.Context) error {
	return n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		st, gateway, err := s.pair(ctx, "net")
		if err != nil {
			return err
		}
		for i := range n.few() {
			for _, at := range []struct {
				figure string
				addr   netip.Addr
			}{{dnsLoopback, netip.AddrFrom4([4]byte{127, 0, 0, 11})}, {dnsGateway, gateway}} {
				n.tell("%s, %d of %d", at.figure, i+1, n.few())
				r, err := n.lookups(ctx, st[0], at.addr, st[1])
				if err != nil {
					return err
				}
				n.addLatency(at.figure, r)
			}
		}
		return nil
	})
}

// lookups has one container ask for the other's name many times.
func (n *networks) lookups(ctx context.Context, from Station, server netip.Addr, name Station) (r PingReport, err error) {
	count := max(int(queriesASecond*n.Env.Length.Seconds()), 100)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(count)*answerWait+slack)
	defer cancel()
	err = n.Env.once(ctx, from, &r, "dns", "-to", netip.AddrPortFrom(server, 53).String(),
		"-name", name.Name, "-want", name.Addr4.String(), "-count", strconv.Itoa(count), "-gap", (time.Second / queriesASecond).String())
	return r, err
}

// leasesASecond is how many leases a round of the section dhcp asks for, for each
// second of a sample's length.
const leasesASecond = 50

// measureDHCP has a container ask for the address that it has.
func (n *networks) measureDHCP(ctx context.Context) error {
	return n.with(ctx, func(ctx context.Context, s *ownSwitch) error {
		st, _, err := s.pair(ctx, "net")
		if err != nil {
			return err
		}
		count := max(int(leasesASecond*n.Env.Length.Seconds()), 20)
		for i := range n.few() {
			n.tell("DHCP, %d of %d", i+1, n.few())
			var r DHCPReport
			if err := n.leases(ctx, st[0], count, &r); err != nil {
				return err
			}
			n.addLatency(dhcpOffer, r.Offer)
			n.addLatency(dhcpAck, r.Ack)
		}
		return nil
	})
}

func (n *networks) leases(ctx context.Context, st Station, count int, r *DHCPReport) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(2*count)*answerWait+slack)
	defer cancel()
	return n.Env.once(ctx, st, r, "dhcp", "-count", strconv.Itoa(count), "-gap", "10ms")
}
