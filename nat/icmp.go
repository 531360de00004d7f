package nat

import "vswitch/internal/frame"

// ICMP errors
//
// An error quotes the beginning of the packet that it is about, as its sender saw it: one
// from outside quotes what we translated on its way out, one from inside what we
// translated on its way in. The quote is turned back, and the error's own address with
// it, so that whoever sent the packet knows it again (RFC 5508, section 4). An error that
// quotes a packet of no flow, goes to somebody who did not send it, or has a wrong
// checksum ends (RFC 5508, REQ-3 to REQ-5).
//
// An error never changes a flow: it neither ends it, nor keeps it alive, nor is it
// counted (RFC 5508, REQ-6; RFC 5927).

// icmpError translates the error p, which goes d.
func (t *Table) icmpError(d dir, p *packet) frame.Reason {
	if p.f.Flags&frame.FlagFragment != 0 || !p.icmpChecked() {
		return frame.DropNATForged
	}
	msg := p.f.Bytes()[p.f.L4 : int(p.f.L3)+int(p.f.L3Len)]
	q, ok := readQuote(msg[frame.ICMPLen:], p.kind.v6())
	if !ok || q.src.a != p.about(d) {
		return frame.DropNATForged
	}
	// The quoted packet went the other way: its source, on the way in, is our near end.
	own := packet{kind: q.kind, near: q.src, remote: q.dst}
	if d == out {
		own.near, own.remote = q.dst, q.src
	}
	m, ok := t.settled(d, &own)
	if !ok {
		return frame.DropNATForged
	}
	q.replace(d == in, m.to)
	p.rewrite(d, end{a: m.to.a})
	p.icmpFill()
	return frame.Accepted
}

// about returns whom an error is sent to, who must have sent the packet it quotes.
func (p *packet) about(d dir) addr {
	if d == in {
		return p.near.a
	}
	return p.remote.a
}

// settled is find, under the lock where it has to be.
func (t *Table) settled(d dir, p *packet) (m match, ok bool) {
	m, ok, sure := t.find(d, p)
	if !ok && !sure {
		t.mu.Lock()
		defer t.mu.Unlock()
		m, ok, _ = t.find(d, p)
	}
	return m, ok
}

func (p *packet) icmpChecked() bool {
	if p.kind.v6() {
		m := p.f.ICMPv6()
		return frame.Checksum(m, p.f.IPv6().PseudoSum(frame.ProtoICMPv6, len(m))) == 0xffff
	}
	return frame.Checksum(p.f.ICMPv4(), 0) == 0xffff
}

func (p *packet) icmpFill() {
	if p.kind.v6() {
		m := p.f.ICMPv6()
		m.FillChecksum(p.f.IPv6().PseudoSum(frame.ProtoICMPv6, len(m)))
		return
	}
	p.f.ICMPv4().FillChecksum()
}
