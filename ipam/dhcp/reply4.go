package dhcp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"vswitch/internal/frame"
)

// broadcast4 is the limited broadcast address.
var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// lease4 builds an offer or an acknowledgement of a lease.
func (s *Server) lease4(r *request4, l *lease, kind dhcpv4.MessageType, lifetime time.Duration) []byte {
	o := s.opening(r, kind)
	o.add(dhcpv4.OptionIPAddressLeaseTime, seconds(lifetime))
	o.add(dhcpv4.OptionRenewTimeValue, seconds(part(lifetime, renewPart)))
	o.add(dhcpv4.OptionRebindingTimeValue, seconds(part(lifetime, rebindPart4)))
	if kind == dhcpv4.MessageTypeAck && r.kind == dhcpv4.MessageTypeDiscover {
		o.add(dhcpv4.OptionRapidCommit, nil)
	}
	s.parameters(&o, r, l.Hostname)
	dst, mac := l.Addr, r.client.mac
	switch {
	case r.kind == dhcpv4.MessageTypeRequest && r.has.IsValid(): // and is l.Addr
	case r.msg.IsBroadcast():
		dst, mac = broadcast4, frame.Broadcast
	}
	return s.reply4(mac, dst, o.message(s.head4(r, l.Addr)))
}

// settings4 builds the answer to a DHCPINFORM.
func (s *Server) settings4(r *request4) []byte {
	o := s.opening(r, dhcpv4.MessageTypeAck)
	s.parameters(&o, r, "")
	return s.reply4(r.client.mac, r.has, o.message(s.head4(r, netip.IPv4Unspecified())))
}

// nak builds a refusal. It goes to everybody on the link: the client's address may be
// wrong, so that it would not hear what is sent there (RFC 2131, section 4.1).
func (s *Server) nak(r *request4) []byte {
	o := s.opening(r, dhcpv4.MessageTypeNak)
	o.add(dhcpv4.OptionMessage, []byte("the address is not yours here"))
	h := s.head4(r, netip.IPv4Unspecified())
	h.ClientIPAddr = nil
	return s.reply4(frame.Broadcast, broadcast4, o.message(h))
}

// head4 is the fixed part of an answer (RFC 2131, table 3).
func (s *Server) head4(r *request4, yours netip.Addr) *dhcpv4.DHCPv4 {
	h := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootReply,
		HWType:        r.msg.HWType,
		TransactionID: r.msg.TransactionID,
		Flags:         r.msg.Flags,
		YourIPAddr:    yours.AsSlice(),
		ClientHWAddr:  r.msg.ClientHWAddr,
	}
	if r.kind == dhcpv4.MessageTypeRequest || r.kind == dhcpv4.MessageTypeInform {
		h.ClientIPAddr = r.msg.ClientIPAddr
	}
	return h
}

// options4 is a list of options in the order in which they go out, of bounded length.
// The codec orders them by code, which is not the client's order.
type options4 struct {
	b    []byte
	room int
}

// opening begins the options of every answer: what it is, whose, and the client's
// identifier as it came (RFC 6842).
func (s *Server) opening(r *request4, kind dhcpv4.MessageType) options4 {
	o := options4{room: s.room4(r) - header4 - 1}
	o.add(dhcpv4.OptionDHCPMessageType, []byte{byte(kind)})
	o.add(dhcpv4.OptionServerIdentifier, s.cfg.ServerAddr.AsSlice())
	if id := r.client.clientID; len(id) > 0 {
		o.add(dhcpv4.OptionClientIdentifier, id)
	}
	return o
}

// room4 returns how long the answer may be: what the client says that it takes (RFC
// 2132, section 9.10), and what fits the network.
func (s *Server) room4(r *request4) int {
	n := minMessage4
	if b := r.msg.Options.Get(dhcpv4.OptionMaximumDHCPMessageSize); len(b) == 2 {
		n = max(n, int(binary.BigEndian.Uint16(b)))
	}
	return min(n, s.cfg.MTU) - frame.IPv4Len - frame.UDPLen
}

// add appends an option, in pieces if it is long (RFC 3396). One that does not fit is
// left out.
func (o *options4) add(code dhcpv4.OptionCode, value []byte) {
	pieces := slices.Collect(slices.Chunk(value, 255))
	if len(pieces) == 0 {
		pieces = [][]byte{nil}
	}
	if len(o.b)+len(value)+2*len(pieces) > o.room {
		return
	}
	for _, p := range pieces {
		o.b = append(append(o.b, code.Code(), byte(len(p))), p...)
	}
}

// message puts the fixed part before the options, and fills up to what BOOTP wants.
func (o *options4) message(head *dhcpv4.DHCPv4) []byte {
	b := append(head.ToBytes()[:header4], o.b...)
	b = append(b, dhcpv4.OptionEnd.Code())
	return append(b, make([]byte, max(0, minBOOTP-len(b)))...)
}

// usual are the parameters of a client that does not say what it wants, in the order
// of their use.
var usual = dhcpv4.OptionCodeList{
	dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionHostName,
	dhcpv4.OptionDomainName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionBroadcastAddress, dhcpv4.OptionDNSDomainSearchList,
}

// parameters adds what the client asks for, in its order (RFC 2131, section 4.3.1).
// The mask goes first: clients expect it before the router (RFC 2132, section 3.3).
func (s *Server) parameters(o *options4, r *request4, hostname string) {
	list := usual
	if asked := r.msg.ParameterRequestList(); len(asked) > 0 {
		list = append(dhcpv4.OptionCodeList{dhcpv4.OptionSubnetMask}, asked...)
	}
	var done [256]bool
	for _, code := range list {
		if done[code.Code()] {
			continue
		}
		done[code.Code()] = true
		if v := s.parameter(code.Code(), hostname); len(v) > 0 {
			o.add(code, v)
		}
	}
}

// parameter returns the value of an option; nil if there is none.
func (s *Server) parameter(code uint8, hostname string) []byte {
	c := &s.cfg
	switch code {
	case dhcpv4.OptionSubnetMask.Code():
		m := mask(c.Subnet)
		return m[:]
	case dhcpv4.OptionBroadcastAddress.Code():
		return broadcast(c.Subnet).AsSlice()
	case dhcpv4.OptionRouter.Code():
		return c.Router.AsSlice()
	case dhcpv4.OptionDomainNameServer.Code():
		return joined(c.DNS)
	case dhcpv4.OptionHostName.Code():
		return []byte(hostname)
	case dhcpv4.OptionDomainName.Code():
		return []byte(c.Domain)
	case dhcpv4.OptionInterfaceMTU.Code():
		return binary.BigEndian.AppendUint16(nil, uint16(c.MTU))
	case dhcpv4.OptionDNSDomainSearchList.Code():
		return (&rfc1035label.Labels{Labels: c.Search}).ToBytes()
	}
	return nil
}

func joined(addrs []netip.Addr) (b []byte) {
	for _, a := range addrs {
		b = append(b, a.AsSlice()...)
	}
	return b
}

// seconds encodes a time as the options do.
func seconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(min(d/time.Second, 0xffffffff)))
}

// part returns a fraction of a lifetime.
func part(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }
