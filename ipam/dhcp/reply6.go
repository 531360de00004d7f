package dhcp

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// answer6 is the answer to a DHCPv6 message as it grows.
type answer6 struct {
	s   *Server
	r   *request6
	msg dhcpv6.Message
	// silent ends it without an answer.
	silent bool
}

// newAnswer6 begins a Reply with both identifiers (RFC 8415, section 18.3).
func (s *Server) newAnswer6(r *request6) *answer6 {
	a := &answer6{s: s, r: r, msg: dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: r.xid}}
	if r.client.duid != nil {
		a.add(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: r.client.duid})
	}
	a.add(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: s.cfg.DUID})
	return a
}

func (a *answer6) add(o dhcpv6.Option) { a.msg.AddOption(o) }

// frame returns the answer, which goes to where the message came from (RFC 8415,
// section 18.3.10); nil if there is none.
func (a *answer6) frame() []byte {
	if a.silent {
		return nil
	}
	return a.s.reply6(a.r.client.mac, a.r.src, a.msg.ToBytes())
}

// each answers the identity associations one by one. Temporary addresses and
// prefixes are not to be had.
func (a *answer6) each(serve func(*answer6, *ia)) {
	for n := range a.r.ias {
		i := &a.r.ias[n]
		if i.code == dhcpv6.OptionIANA {
			serve(a, i)
			continue
		}
		a.status(i, a.unavailable(i))
	}
}

// unavailable returns how to say that there is none of what i is about.
func (a *answer6) unavailable(i *ia) iana.StatusCode {
	switch {
	case a.r.kind != dhcpv6.MessageTypeSolicit && a.r.kind != dhcpv6.MessageTypeRequest:
		return iana.StatusNoBinding
	case i.code == dhcpv6.OptionIAPD:
		return iana.StatusNoPrefixAvail
	}
	return iana.StatusNoAddrsAvail
}

// status answers an identity association with a status and nothing else.
func (a *answer6) status(i *ia, code iana.StatusCode) {
	o := dhcpv6.Options{&dhcpv6.OptStatusCode{StatusCode: code}}
	switch i.code {
	case dhcpv6.OptionIAPD:
		a.add(&dhcpv6.OptIAPD{IaId: i.id, Options: dhcpv6.PDOptions{Options: o}})
	case dhcpv6.OptionIATA:
		a.add(&dhcpv6.OptIATA{IaId: i.id, Options: dhcpv6.IdentityOptions{Options: o}})
	default:
		a.add(&dhcpv6.OptIANA{IaId: i.id, Options: dhcpv6.IdentityOptions{Options: o}})
	}
}

// lease answers an identity association with its lease, if it has one. Other
// addresses that the client named are over: their lifetime is zero.
func (a *answer6) lease(i *ia, l *lease, lifetime time.Duration) {
	o := &dhcpv6.OptIANA{IaId: i.id, T1: part(lifetime, renewPart), T2: part(lifetime, rebindPart6)}
	if l != nil {
		o.Options.Add(iaAddr(l.Addr, lifetime))
	}
	for _, addr := range i.addrs {
		if (l == nil || addr != l.Addr) && a.r.kind != dhcpv6.MessageTypeSolicit {
			o.Options.Add(iaAddr(addr, 0))
		}
	}
	a.add(o)
}

func iaAddr(addr netip.Addr, lifetime time.Duration) *dhcpv6.OptIAAddress {
	return &dhcpv6.OptIAAddress{IPv6Addr: addr.AsSlice(), PreferredLifetime: lifetime, ValidLifetime: lifetime}
}

// settings adds name servers and domains (RFC 3646), as far as they are asked for.
func (a *answer6) settings() {
	c := &a.s.cfg
	if len(c.DNS6) > 0 && a.r.asks(dhcpv6.OptionDNSRecursiveNameServer) {
		a.add(dhcpv6.OptDNS(slices.Collect(func(yield func(net.IP) bool) {
			for _, d := range c.DNS6 {
				if !yield(d.AsSlice()) {
					return
				}
			}
		})...))
	}
	if names := c.search(); len(names) > 0 && a.r.asks(dhcpv6.OptionDomainSearchList) {
		a.add(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: names}))
	}
}

// refresh tells a client without a lease when to ask again.
func (a *answer6) refresh() {
	if a.r.asks(dhcpv6.OptionInformationRefreshTime) {
		a.add(dhcpv6.OptInformationRefreshTime(a.s.refreshTime()))
	}
}

// search returns the domains to search: IPv6 knows no other.
func (c *Config) search() []string {
	if len(c.Search) == 0 && c.Domain != "" {
		return []string{c.Domain}
	}
	return c.Search
}
