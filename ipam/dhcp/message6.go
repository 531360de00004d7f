package dhcp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"vswitch/internal/frame"
)

// allServers is All_DHCP_Relay_Agents_and_Servers (RFC 8415, section 7.1).
var allServers = netip.MustParseAddr("ff02::1:2")

// Sizes of DHCPv6 messages and their parts, in bytes, and how many identity
// associations and addresses a message may have: with these bounds every answer fits
// the least MTU of IPv6.
const (
	header6    = 4
	ianaFixed  = 12 // IAID, T1, T2
	iataFixed  = 4  // IAID
	iaAddrLen  = 24 // address, two lifetimes
	maxIAs     = 4
	maxAddrs   = 8
	minDUID    = 3 // a type and something (RFC 8415, section 11.1)
	maxDUID    = 130
	maxRequest = 1024
)

// request6 is a message of a DHCPv6 client that has been checked.
type request6 struct {
	at     time.Time
	kind   dhcpv6.MessageType
	xid    dhcpv6.TransactionID
	opts   dhcpv6.Options
	src    netip.Addr
	client client // of no identity association in particular
	ias    []ia
}

// ia is an identity association in a request.
type ia struct {
	code  dhcpv6.OptionCode // OptionIANA, OptionIATA or OptionIAPD
	id    [4]byte
	addrs []netip.Addr
}

func (i *ia) number() uint32 { return binary.BigEndian.Uint32(i.id[:]) }

// wants returns the first address that the client names; the zero address if none.
func (i *ia) wants() netip.Addr {
	if len(i.addrs) == 0 {
		return netip.Addr{}
	}
	return i.addrs[0]
}

func validDUID(b []byte) bool { return len(b) >= minDUID && len(b) <= maxDUID }

// parse6 takes a message out of its frame. Any reason but Accepted ends it.
func (s *Server) parse6(now time.Time, from frame.PortID, b []byte) (*request6, frame.Reason) {
	if !s.cfg.Prefix6.IsValid() {
		return nil, frame.DropNoService
	}
	d, ok := s.unwrap(b, frame.FlagIPv6, serverPort6)
	if !ok || len(d.payload) < header6 || len(d.payload) > maxRequest || d.dst != allServers || !d.src.IsLinkLocalUnicast() {
		return nil, s.malformed()
	}
	r := &request6{at: now, src: d.src, kind: dhcpv6.MessageType(d.payload[0])}
	copy(r.xid[:], d.payload[1:header6])
	if why := s.direction6(r.kind); why != frame.Accepted {
		return nil, why
	}
	// Options stay bytes: decoding some of them costs far more than reading them.
	if r.opts.FromBytesWithParser(d.payload[header6:], opaque) != nil || !r.identities() {
		return nil, s.malformed()
	}
	if !s.client6(r, from, d.mac) || !r.allowed() {
		return nil, s.malformed()
	}
	return r, frame.Accepted
}

// direction6 ends what no client sends.
func (s *Server) direction6(k dhcpv6.MessageType) frame.Reason {
	switch k {
	case dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply, dhcpv6.MessageTypeReconfigure:
		s.stats.Rogue++
		return frame.DropRogueDHCP
	case dhcpv6.MessageTypeRelayForward, dhcpv6.MessageTypeRelayReply:
		s.stats.Relayed++
		return frame.DropServiceMessage
	}
	return frame.Accepted
}

func opaque(code dhcpv6.OptionCode, b []byte) (dhcpv6.Option, error) {
	return &dhcpv6.OptionGeneric{OptionCode: code, OptionData: b}, nil
}

// option returns the value of the only option of a code; nil and false if there is
// none, or more than one.
func option(o dhcpv6.Options, code dhcpv6.OptionCode) ([]byte, bool) {
	all := o.Get(code)
	if len(all) != 1 {
		return nil, false
	}
	return all[0].(*dhcpv6.OptionGeneric).OptionData, true
}

// identities reads the identity associations; false if one is cut off, or there are
// too many.
func (r *request6) identities() bool {
	n := 0
	for _, o := range r.opts {
		fixed := ianaFixed
		switch o.Code() {
		case dhcpv6.OptionIANA, dhcpv6.OptionIAPD:
		case dhcpv6.OptionIATA:
			fixed = iataFixed
		default:
			continue
		}
		b := o.(*dhcpv6.OptionGeneric).OptionData
		var inner dhcpv6.Options
		if len(r.ias) == maxIAs || len(b) < fixed || inner.FromBytesWithParser(b[fixed:], opaque) != nil {
			return false
		}
		i := ia{code: o.Code(), id: [4]byte(b)}
		for _, a := range inner.Get(dhcpv6.OptionIAAddr) {
			v := a.(*dhcpv6.OptionGeneric).OptionData
			if n++; len(v) < iaAddrLen || n > maxAddrs {
				return false
			}
			i.addrs = append(i.addrs, netip.AddrFrom16([16]byte(v)))
		}
		r.ias = append(r.ias, i)
	}
	return true
}

// client6 finds out who asks. False: the hardware address is none of the port's, or
// the DUID is none.
func (s *Server) client6(r *request6, from frame.PortID, mac frame.MAC) bool {
	duid, ok := option(r.opts, dhcpv6.OptionClientID)
	if ok && !validDUID(duid) || !ok && len(r.opts.Get(dhcpv6.OptionClientID)) > 0 {
		return false
	}
	r.client = client{mac: mac, duid: duid, port: from, v6: true}
	if fqdn, ok := option(r.opts, dhcpv6.OptionFQDN); ok && len(fqdn) > 1 {
		r.client.hostname = cleanHostname(firstLabel(fqdn[1:]))
	}
	return s.owner(&r.client)
}

// of returns the client as the owner of one identity association.
func (r *request6) of(i *ia) *client {
	c := r.client
	c.iaid = i.number()
	c.key = key6(c.owner.Container, c.duid, c.iaid)
	return &c
}

// allowed checks which identifiers a message has and may have (RFC 8415, section
// 16).
func (r *request6) allowed() bool {
	servers := len(r.opts.Get(dhcpv6.OptionServerID))
	server := servers == 1
	if servers > 1 {
		return false
	}
	switch r.kind {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		return r.client.duid != nil && !server
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		return r.client.duid != nil && server
	case dhcpv6.MessageTypeInformationRequest:
		return len(r.ias) == 0
	}
	return false
}

// asks reports whether the client wants an option: it names it in its option request,
// or has none.
func (r *request6) asks(code dhcpv6.OptionCode) bool {
	list, ok := option(r.opts, dhcpv6.OptionORO)
	if !ok {
		return true
	}
	for b := range slices.Chunk(list, 2) {
		if len(b) == 2 && dhcpv6.OptionCode(binary.BigEndian.Uint16(b)) == code {
			return true
		}
	}
	return false
}
