package nat

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
)

// The packet that an error quotes comes back as its sender sent it, up to what is quoted.
func TestErrorsQuoteWhatWasSent(t *testing.T) {
	type packet = []byte
	for name, sent := range map[string]packet{
		"udp4": udp(at(hostB, 5000), x), "udp6": udp(at(hostB6, 5000), at(hostX6, 80)),
		"tcp4": tcp(at(hostB, 5000), x, synFlag), "tcp6": tcp(at(hostB6, 5000), at(hostX6, 80), synFlag),
		"echo4": echo(hostB, hostX, 5000, true), "echo6": echo(hostB6, hostX6, 5000, true),
		"other4": ipPacket(hostB, hostX, 253, 1, 2, 3, 4, 5, 6, 7, 8), "other6": ipPacket(hostB6, hostX6, 253, 1, 2, 3, 4, 5, 6, 7, 8),
		"sctp4": ipPacket(hostB, hostX, protoSCTP, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
	} {
		for _, quoted := range []int{1000, 28, 30, 38, 40, 48, 60} {
			r := newRig(t)
			v6 := sent[14]>>4 == 6
			if v6 && quoted < 48 {
				continue
			}
			// Somebody has the port, so that it changes.
			r.out(udp(at(hostA, 5000), y))
			r.out(udp(at(hostA6, 5000), at(hostY6, 80)))
			r.out(tcp(at(hostA, 5000), y, synFlag))
			r.out(tcp(at(hostA6, 5000), at(hostY6, 80), synFlag))
			r.out(echo(hostA, hostY, 5000, true))
			r.out(echo(hostA6, hostY6, 5000, true))
			left := r.out(sent)
			router, typ, at := hostY, uint8(frame.ICMPTimeExceeded), 14+20+8
			if v6 {
				router, typ, at = hostY6, frame.ICMPv6TimeExceeded, 14+40+8
			}
			e := r.in(complain(router, left.bytes, typ, 0, quoted))
			want, got := packetOf(sent), e.bytes[at:]
			want = want[:min(len(want), quoted)]
			if !bytes.Equal(got[:min(len(got), len(want))], want) {
				t.Errorf("%s, %d bytes:\n got %x\nwant %x", name, quoted, got, want)
			}
		}
	}
}

// An error from inside quotes what came in; it leaves as about what had come.
func TestErrorsFromInside(t *testing.T) {
	for _, h := range []struct {
		a, x, router string
		typ          uint8
		at           int
	}{
		{hostA, hostX, "10.0.0.77", frame.ICMPUnreachable, 14 + 20 + 8}, {hostA6, hostX6, "fd00::77", frame.ICMPv6Unreachable, 14 + 40 + 8},
	} {
		r := newRig(t)
		r.out(udp(at(h.router, 5000), at(h.x, 80)))
		answer := udp(swap(r.out(udp(at(h.a, 5000), at(h.x, 80)))))
		in := r.in(answer)
		e := r.out(complain(h.router, in.bytes, h.typ, 3, 1000))
		if want := packetOf(answer); !bytes.Equal(e.bytes[h.at:], want) {
			t.Errorf("\n got %x\nwant %x", e.bytes[h.at:], want)
		}
	}
}

// edited returns a copy of an error whose message was changed, its checksum right.
func edited(t *testing.T, b []byte, edit func(quote []byte)) []byte {
	f := slot(t, bytes.Clone(b))
	m := f.ICMPv4()
	edit(m.Payload())
	m.FillChecksum()
	return f.Bytes()
}

func TestForgedErrors(t *testing.T) {
	r := newRig(t)
	s := r.connect(a, x)
	good := complain(hostX, s.bytes, 3, 4, 500)
	r.in(good)
	cut := func(n int) []byte { return complain(hostX, s.bytes, 3, 4, n) }
	ping := r.out(echo(hostA, hostX, 9, true))
	other := func(edit func(q []byte)) []byte { return edited(t, good, edit) }
	refill := func(q []byte) { frame.IPv4(q[:20]).FillChecksum() }
	for name, b := range map[string][]byte{
		"another remote port": other(func(q []byte) { q[22]++ }),
		"another outer port":  other(func(q []byte) { q[20]++ }),
		"another remote host": other(func(q []byte) { q[19]++; refill(q) }),
		"another protocol":    other(func(q []byte) { q[9] = 17; refill(q) }),
		"a later fragment":    other(func(q []byte) { q[7] = 1; refill(q) }),
		"not our packet":      other(func(q []byte) { q[15]++; refill(q) }),
		"version":             other(func(q []byte) { q[0] = 0x65; refill(q) }),
		"header length":       other(func(q []byte) { q[0] = 0x4f }),
		"total length":        other(func(q []byte) { q[2], q[3] = 0, 10; refill(q) }),
		"an error in it":      complain(hostX, complain(outer4, udp(x, a), 3, 3, 100), 3, 3, 500),
		"no ports":            cut(27),
		"no header":           cut(19),
		"nothing":             cut(0),
		"an answer in it":     complain(hostX, echo(outer4, hostX, ping.src.Port(), false), 3, 3, 500),
	} {
		if got, _ := r.do(opIn, b); got != frame.DropNATForged {
			t.Errorf("%s: %v", name, got)
		}
	}
	to := slot(t, bytes.Clone(good))
	to.IPv4().SetDst(at("192.0.2.50", 0).Addr())
	r.refuse(opIn, to.Bytes(), frame.DropNATForged)
	pieces := split(t, complain(hostX, s.bytes, 3, 4, 500), 40)
	r.refuse(opIn, pieces[0], frame.DropNATForged)
}

func TestICMPThatDoesNotPass(t *testing.T) {
	r := newRig(t)
	s := r.out(echo(hostA, hostX, 7, true))
	r.refuse(opIn, echo(hostX, outer4, s.src.Port(), true), frame.Accepted) // by the flow, as any other packet of it
	r.refuse(opIn, echo(hostY, outer4, s.src.Port(), true), frame.DropNoFlow)
	r.refuse(opOut, echo(hostA, hostY, 8, false), frame.DropNoFlow)
	for typ := range 256 {
		b := echo(hostA, hostX, 7, true)
		f := slot(t, b)
		f.ICMPv4().SetType(uint8(typ))
		got, _ := r.do(opOut, f.Bytes())
		switch typ {
		case 0, 8, 13, 14:
			if got != frame.Accepted {
				t.Errorf("type %d: %v", typ, got)
			}
		case 3, 11, 12:
			if got != frame.DropNATForged {
				t.Errorf("type %d: %v", typ, got)
			}
		default:
			if got != frame.DropUplinkProtocol {
				t.Errorf("type %d: %v", typ, got)
			}
		}
	}
	for _, typ := range []uint8{130, 133, 135, 137, 100, 200} {
		f := slot(t, echo(hostA6, hostX6, 7, true))
		f.ICMPv6().SetType(typ)
		r.refuse(opOut, f.Bytes(), frame.DropUplinkProtocol)
	}
}
