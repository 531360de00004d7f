package dhcp

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"vswitch/internal/frame"
)

// Sizes of DHCPv4 messages, in bytes.
const (
	// header4 is the fixed part with the magic cookie (RFC 2131, section 2).
	header4 = 240
	// minMessage4 is the IP datagram that every client takes (RFC 2131, section 2),
	// minBOOTP the message that none finds too short (RFC 951, section 3).
	minMessage4 = 576
	minBOOTP    = 300
	// maxHops is from where on a message goes in circles (RFC 1542, section 4.1.1).
	maxHops = 16
)

// Offsets in the fixed part.
const (
	atOp     = 0
	atHType  = 1
	atHLen   = 2
	atHops   = 3
	atGIAddr = 24
)

// request4 is a message of a DHCPv4 client that has been checked.
type request4 struct {
	at     time.Time
	msg    *dhcpv4.DHCPv4
	kind   dhcpv4.MessageType
	client client
	// wants is the requested address, has the address that the client uses (ciaddr),
	// server the server that it talks to; zero where it did not say.
	wants, has, server netip.Addr
}

// parse4 takes a message out of its frame. Any reason but Accepted ends it.
func (s *Server) parse4(now time.Time, from frame.PortID, b []byte) (*request4, frame.Reason) {
	if !s.cfg.Subnet.IsValid() {
		return nil, frame.DropNoService
	}
	d, ok := s.unwrap(b, frame.FlagIPv4, serverPort4)
	if !ok {
		return nil, s.malformed()
	}
	if why := s.checkHeader4(d.payload); why != frame.Accepted {
		return nil, why
	}
	msg, err := dhcpv4.FromBytes(d.payload)
	if err != nil {
		return nil, s.malformed()
	}
	r := &request4{at: now, msg: msg, kind: msg.MessageType()}
	if fromServer4(r.kind) {
		s.stats.Rogue++
		return nil, frame.DropRogueDHCP
	}
	if !s.addresses4(r) || !s.client4(r, from, d.mac) {
		return nil, s.malformed()
	}
	return r, frame.Accepted
}

func (s *Server) malformed() frame.Reason {
	s.stats.Malformed++
	return frame.DropServiceMessage
}

// checkHeader4 checks the fixed part, before the codec makes something of it.
func (s *Server) checkHeader4(p []byte) frame.Reason {
	switch {
	case len(p) < header4:
		return s.malformed()
	case p[atOp] == byte(dhcpv4.OpcodeBootReply):
		s.stats.Rogue++
		return frame.DropRogueDHCP
	case p[atOp] != byte(dhcpv4.OpcodeBootRequest), p[atHType] != byte(iana.HWTypeEthernet), p[atHLen] != 6, p[atHops] > maxHops:
		return s.malformed()
	case [4]byte(p[atGIAddr:]) != [4]byte{}:
		s.stats.Relayed++
		return frame.DropServiceMessage
	}
	return frame.Accepted
}

func fromServer4(k dhcpv4.MessageType) bool {
	return k == dhcpv4.MessageTypeOffer || k == dhcpv4.MessageTypeAck || k == dhcpv4.MessageTypeNak
}

// addresses4 reads the addresses of a message; false if an option is no address.
func (s *Server) addresses4(r *request4) bool {
	var ok1, ok2 bool
	r.wants, ok1 = address4(r.msg.Options, dhcpv4.OptionRequestedIPAddress)
	r.server, ok2 = address4(r.msg.Options, dhcpv4.OptionServerIdentifier)
	if has := addr4(r.msg.ClientIPAddr); !has.IsUnspecified() {
		r.has = has
	}
	return ok1 && ok2
}

// address4 reads an option that is one address; the zero address where there is no
// such option.
func address4(o dhcpv4.Options, code dhcpv4.OptionCode) (a netip.Addr, ok bool) {
	b := o.Get(code)
	if !o.Has(code) {
		return a, true
	}
	if a, ok = netip.AddrFromSlice(b); !ok || len(b) != 4 {
		return netip.Addr{}, false
	}
	return a, true
}

func addr4(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

// client4 finds out who asks. False: the message speaks for another station than the
// one that sent it, or its identifier is none (RFC 2132, section 9.14).
func (s *Server) client4(r *request4, from frame.PortID, mac frame.MAC) bool {
	id := r.msg.Options.Get(dhcpv4.OptionClientIdentifier)
	if r.msg.Options.Has(dhcpv4.OptionClientIdentifier) && (len(id) < 2 || len(id) > 255) {
		return false
	}
	c := &r.client
	*c = client{mac: frame.MACFrom(r.msg.ClientHWAddr), clientID: id, port: from}
	if c.mac != mac || !s.owner(c) {
		return false
	}
	c.key = key4(c.owner.Container, id, c.mac)
	c.hostname = cleanHostname(string(r.msg.Options.Get(dhcpv4.OptionHostName)))
	return true
}
