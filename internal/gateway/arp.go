package gateway

import (
	"net/netip"

	"vswitch/internal/frame"
)

// claim says which MAC to name when somebody asks for an address, and whether it
// is the gateway's own address. Who asks for its own address, to find out whether
// somebody else has it, gets no answer; whoever else asks so gets one, and thus
// learns that it is taken. Where containers do not reach each other, the gateway
// names itself: what is sent then comes here and ends here.
func (p *packet) claim(addr netip.Addr, asker frame.MAC) (mac frame.MAC, own, ok bool) {
	if p.c.owns(addr) {
		return p.c.MAC, true, asker != p.c.MAC
	}
	mac, ok = p.g.neighbours.lookup(addr)
	if !ok || mac == asker || mac == p.f.Src {
		return 0, false, false
	}
	if p.c.NoICC {
		mac = p.c.MAC
	}
	return mac, false, true
}

// arp answers requests (RFC 826; RFC 5227 for probes and announcements). The frame
// of an answer comes from the gateway's own address also where the message names a
// neighbour's: else the switch would look for the neighbour at the gateway's port.
func (p *packet) arp() frame.Reason {
	a := p.f.ARP()
	if a.Op() != frame.ARPRequest {
		if p.c.Heard != nil && p.f.Dst == p.c.MAC {
			p.c.Heard(a.SPA(), a.SHA())
		}
		return frame.Consumed
	}
	asker := a.SHA()
	if asker == 0 || asker.Group() {
		return frame.DropServiceMessage
	}
	mac, _, ok := p.claim(a.TPA(), asker)
	if !ok {
		return frame.Consumed
	}
	b := p.reply(frame.TypeARP, frame.ARPLen)
	if b == nil {
		return frame.DropServiceBusy
	}
	frame.ARPFields{Op: frame.ARPReply, SHA: mac, SPA: a.TPA(), THA: asker, TPA: a.SPA()}.Encode(b)
	return frame.Consumed
}
