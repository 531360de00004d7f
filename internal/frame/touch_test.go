package frame

import (
	"slices"
	"testing"
)

// A view whose Valid is true can be read and written by all of its methods.

func touchEthernet(e Ethernet) {
	_, _, _ = e.Dst(), e.Src(), e.EtherType()
	if v := e.Tag(); v.Valid() {
		touchVLAN(v)
	}
	e.SetDst(macA)
	e.SetSrc(macB)
}

func touchVLAN(v VLAN) {
	_, _, _ = v.PCP(), v.DEI(), v.Next()
	v.SetVID(v.VID() + 1)
	v.SetPCP(3)
	v.SetTPID(TypeVLAN)
}

func touchARP(a ARP) {
	_, _, _, _, _ = a.Op(), a.SHA(), a.SPA(), a.THA(), a.TPA()
	_, _, _, _ = a.SPA4(), a.TPA4(), a.Gratuitous(), a.Probe()
	a.SetOp(ARPReply)
	a.SetTarget(a.SHA(), a.SPA())
	a.SetSender(macA, ip4A)
}

func touchIPv4(p IPv4) {
	_, _, _, _ = p.Payload(), p.Options(), p.Src(), p.Dst()
	_, _, _, _ = p.DontFragment(), p.MoreFragments(), p.FragmentOffset(), p.PseudoSum(8)
	p.FillChecksum()
	p.SetSrc(ip4A)
	p.SetDst(ip4B)
	p.SetTTL(p.TTL() - 1)
	p.SetID(p.ID() + 1)
	p.SetTOS(p.TOS() ^ 3)
	p.SetTotalLen(p.TotalLen())
}

func touchIPv6(p IPv6) {
	_, _, _, _ = p.Payload(), p.Src(), p.Dst(), p.PseudoSum(ProtoTCP, 8)
	p.SetSrc(ip6A)
	p.SetDst(ip6B)
	p.SetHopLimit(p.HopLimit() - 1)
	p.SetTrafficClass(p.TrafficClass() ^ 3)
	p.SetPayloadLen(p.PayloadLen())
}

func touchTCP(t TCP) {
	_, _, _ = t.Payload(), t.Options(), t.Option(TCPOptTimestamp)
	t.ClampMSS(536, Complete)
	t.ClampMSS(535, Partial)
	t.SetSrcPort(t.DstPort(), Complete)
	t.SetDstPort(t.SrcPort(), Partial)
	t.ReplaceAddr4(1, 2, Complete)
	t.ReplaceAddr16(ip6A.As16(), ip6B.As16(), Partial)
	t.SetSeq(t.Seq() + t.Ack())
	t.SetWindow(t.Window())
	t.SetFlags(t.Flags())
}

func touchUDP(u UDP) {
	_ = u.Payload()
	u.SetSrcPort(u.DstPort(), Complete)
	u.SetDstPort(u.SrcPort(), Partial)
	u.ReplaceAddr4(1, 2, Complete)
	u.ReplaceAddr16(ip6A.As16(), ip6B.As16(), Partial)
	u.SetLength(u.Length())
}

func touchICMPv4(m ICMPv4) {
	_, _, _, _, _ = m.Payload(), m.Rest(), m.MTU(), m.Echo(), m.Error()
	m.FillChecksum()
	m.SetID(m.Seq())
	m.SetType(m.Type())
}

func touchICMPv6(m ICMPv6) {
	_, _, _, _ = m.Payload(), m.Rest(), m.Echo(), m.Error()
	if m.NDPValid() {
		_, _ = m.NDPLinkAddr(NDPSourceLinkAddr)
		_, _ = m.NDPLinkAddr(NDPTargetLinkAddr)
		if m.NDPHasTarget() {
			_ = m.NDPTarget()
		}
	}
	m.FillChecksum(9)
	m.SetID(m.Seq() + m.ID())
	m.SetType(m.Type())
	m.ReplaceAddr16(ip6A.As16(), ip6B.As16())
}

// view is what the views have in common.
type view interface {
	~[]byte
	Valid() bool
}

// fuzzView touches what Valid lets through.
func fuzzView[V view](f *testing.F, touch func(V), seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		if v := V(slices.Clone(b)); v.Valid() {
			touch(v)
		}
	})
}

func FuzzEthernet(f *testing.F) { fuzzView(f, touchEthernet, ether(TypeIPv4, nil, tagged)) }
func FuzzVLAN(f *testing.F)     { fuzzView(f, touchVLAN, []byte{0x81, 0, 0, 5, 8, 0}) }
func FuzzARP(f *testing.F)      { fuzzView(f, touchARP, arpMessage()) }
func FuzzIPv4(f *testing.F)     { fuzzView(f, touchIPv4, ip4(ProtoTCP, seg(3), nil)) }
func FuzzIPv6(f *testing.F)     { fuzzView(f, touchIPv6, ip6(ProtoTCP, seg(3))) }
func FuzzUDP(f *testing.F)      { fuzzView(f, touchUDP, dgram(3)) }
func FuzzICMPv4(f *testing.F)   { fuzzView(f, touchICMPv4, make([]byte, 8)) }

func FuzzTCP(f *testing.F) {
	fuzzView(f, touchTCP, seg(3), synSegment(2, 4, 5, 0xb4), synSegment(1, 2, 4, 5, 0xb4, 8, 0, 0))
}

func FuzzICMPv6(f *testing.F) {
	fuzzView(f, touchICMPv6, make([]byte, 8), neighbour(ICMPv6NeighborAdv, linkOption(NDPTargetLinkAddr, macA)))
}
