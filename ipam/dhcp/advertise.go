package dhcp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/rfc1035label"

	"vswitch/internal/frame"
)

// allNodes is the group that advertisements go to (RFC 4291, section 2.7.1).
var allNodes = netip.MustParseAddr("ff02::1")

const allNodesMAC frame.MAC = 0x333300000001

// Constants of a router (RFC 4861, sections 6.2.1 and 10).
const (
	raHopLimit       = 64
	raManaged        = 0x80
	raOther          = 0x40
	initialInterval  = 16 * time.Second
	initialCount     = 3
	minRADelay       = 3 * time.Second
	prefixValid      = 30 * 24 * time.Hour
	prefixPreferred  = 7 * 24 * time.Hour
	prefixOnLink     = 0x80
	prefixAutonomous = 0x40
)

// Options of router advertisements (RFC 4861, section 4.6; RFC 8106, section 5).
const (
	optPrefix = 3
	optMTU    = 5
	optRDNSS  = 25
	optDNSSL  = 31
)

// advertiser is when advertisements went to all nodes, and when the next is due.
type advertiser struct {
	last, next time.Time
	sent       int
}

// Solicit answers the frame of a router solicitation that came in by port from (RFC
// 4861, section 6.2.6). The answer goes to the sender alone where it has an address;
// otherwise to all nodes, which is done once in three seconds at most: then there is
// no answer yet and NextRA says when. Frame, answers and reasons are as those of
// Serve4.
func (s *Server) Solicit(now time.Time, from frame.PortID, b []byte) ([][]byte, frame.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cfg.Prefix6.IsValid() {
		return nil, frame.DropNoService
	}
	mac, src, ok := solicitation(b)
	if c := (client{mac: mac, port: from}); !ok || !s.owner(&c) {
		return nil, s.malformed()
	}
	s.stats.RouterSolicit++
	if !src.IsUnspecified() {
		return frames(s.advertisement(mac, src)), frame.Consumed
	}
	if due := s.ra.last.Add(minRADelay); s.ra.sent > 0 && now.Before(due) {
		s.ra.next = earlier(s.ra.next, due)
		return nil, frame.Consumed
	}
	return frames(s.advertiseAll(now)), frame.Consumed
}

// Advertise returns the advertisement to all nodes if it is due (RFC 4861, section
// 6.2.4); nothing otherwise. The first call sends one.
func (s *Server) Advertise(now time.Time) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cfg.Prefix6.IsValid() || now.Before(s.ra.next) {
		return nil
	}
	return frames(s.advertiseAll(now))
}

// NextRA returns when the next advertisement to all nodes is due. The zero time is at
// once on a network with Prefix6, never on one without.
func (s *Server) NextRA() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ra.next
}

// advertiseAll builds the advertisement to all nodes and fixes the time of the next:
// somewhere between a third of the interval and all of it, sooner for the first few.
func (s *Server) advertiseAll(now time.Time) []byte {
	longest := s.cfg.RAInterval
	shortest := max(longest/3, minRADelay)
	wait := shortest + time.Duration(s.cfg.Rand()*float64(longest-shortest))
	if s.ra.sent++; s.ra.sent < initialCount {
		wait = min(wait, initialInterval)
	}
	s.ra.last, s.ra.next = now, now.Add(wait)
	return s.advertisement(allNodesMAC, allNodes)
}

// solicitation checks a router solicitation (RFC 4861, section 6.1.1) and returns who
// sent it.
func solicitation(b []byte) (mac frame.MAC, src netip.Addr, ok bool) {
	var info frame.Info
	if frame.Parse(b, &info) != frame.Accepted || info.Flags&(frame.FlagIPv6|frame.FlagFragment) != frame.FlagIPv6 ||
		info.L4 == 0 || info.Proto != frame.ProtoICMPv6 || info.Src.Group() {
		return 0, src, false
	}
	ip := frame.IPv6(b[info.L3:][:info.L3Len])
	m := frame.ICMPv6(b[info.L4 : uint32(info.L3)+info.L3Len])
	if ip.HopLimit() != 255 || m.Type() != frame.ICMPv6RouterSol || m.Code() != 0 || !m.NDPValid() ||
		frame.Checksum(m, ip.PseudoSum(frame.ProtoICMPv6, len(m))) != 0xffff {
		return 0, src, false
	}
	_, named := m.NDPLinkAddr(frame.NDPSourceLinkAddr)
	src = ip.Src()
	return info.Src, src, !src.IsMulticast() && (!src.IsUnspecified() || !named)
}

// advertisement builds a router advertisement (RFC 4861, section 4.2).
func (s *Server) advertisement(mac frame.MAC, dst netip.Addr) []byte {
	s.stats.RouterAdvert++
	c := &s.cfg
	rest := uint32(raHopLimit)<<24 | flag(c.Managed, raManaged<<16) | flag(c.Other, raOther<<16)
	lifetime := 3 * c.RAInterval
	if c.Router6 {
		rest |= uint32(lifetime / time.Second)
	}
	b := make([]byte, 8, 256) // reachable time and retransmission timer: the host's own
	hw := make([]byte, 6)
	c.ServerMAC.Put(hw)
	b = ndOption(b, frame.NDPSourceLinkAddr, hw)
	b = ndOption(b, optMTU, binary.BigEndian.AppendUint32(make([]byte, 2), uint32(c.MTU)))
	b = s.prefixOption(b)
	if len(c.DNS6) > 0 {
		b = ndOption(b, optRDNSS, append(append(make([]byte, 2), seconds(lifetime)...), joined(c.DNS6)...))
	}
	if names := c.search(); len(names) > 0 {
		list := (&rfc1035label.Labels{Labels: names}).ToBytes()
		b = ndOption(b, optDNSSL, append(append(make([]byte, 2), seconds(lifetime)...), list...))
	}
	return s.neighbour(mac, dst, frame.ICMPv6RouterAdv, rest, b)
}

// prefixOption adds the network's prefix (RFC 4861, section 4.6.2).
func (s *Server) prefixOption(b []byte) []byte {
	p := s.cfg.Prefix6
	flags := flag(s.cfg.OnLink, prefixOnLink) | flag(s.cfg.Autonomous, prefixAutonomous)
	v := []byte{byte(p.Bits()), byte(flags)}
	v = append(append(v, seconds(prefixValid)...), seconds(prefixPreferred)...)
	v = append(v, 0, 0, 0, 0) // reserved
	return ndOption(b, optPrefix, append(v, p.Addr().AsSlice()...))
}

// ndOption appends an option, filled up to a multiple of eight bytes.
func ndOption(b []byte, kind uint8, value []byte) []byte {
	n := (2 + len(value) + 7) / 8
	b = append(append(b, kind, byte(n)), value...)
	return append(b, make([]byte, 8*n-2-len(value))...)
}

func flag(set bool, bits uint32) uint32 {
	if set {
		return bits
	}
	return 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
