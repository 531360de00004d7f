package gateway

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// cut makes fragments of an IP frame without options, step bytes each.
func cut(b []byte, step int) [][]byte {
	b = unpadded(b)
	f := parsed(b)
	head, body := b[:f.L4], b[f.L4:]
	var out [][]byte
	for at := 0; at < len(body); at += step {
		end := min(at+step, len(body))
		word := uint16(at)
		if end < len(body) {
			word |= 1
		}
		if f.Flags&frame.FlagIPv4 != 0 {
			out = append(out, cut4(head, body[at:end], word))
		} else {
			out = append(out, cut6(head, body[at:end], word, f.Proto))
		}
	}
	return out
}

func cut4(head, body []byte, word uint16) []byte {
	b := slices.Concat(head, body)
	v4 := frame.IPv4(b[frame.EthernetLen:])
	binary.BigEndian.PutUint16(v4[6:], word>>3|word&1<<13)
	v4.SetTotalLen(len(v4))
	v4.FillChecksum()
	return b
}

func cut6(head, body []byte, word uint16, proto uint8) []byte {
	ext := []byte{proto, 0, byte(word >> 8), byte(word), 0, 0, 0, 9}
	b := slices.Concat(head, ext, body)
	v6 := frame.IPv6(b[frame.EthernetLen:])
	v6[6] = extFragment
	v6.SetPayloadLen(len(v6) - frame.IPv6Len)
	return b
}

// joined puts the payload of fragments together, which lie in a row and have the
// flags and the length that they should have.
func joined(t *testing.T, replies [][]byte, mtu int) []byte {
	t.Helper()
	var data []byte
	for i, b := range replies {
		f := parsed(b)
		at, more, body := 0, false, []byte(nil)
		if f.Flags&frame.FlagIPv4 != 0 {
			if v4 := f.IPv4(); v4.ChecksumOK() && v4.ID() == 77 {
				at, more, body = v4.FragmentOffset(), v4.MoreFragments(), v4.Payload()
			}
		} else if v6 := f.IPv6(); v6.NextHeader() == extFragment && v6[47] == 9 {
			word := int(binary.BigEndian.Uint16(v6[42:]))
			at, more, body = word&^7, word&1 != 0, v6[48:]
		}
		if at != len(data) || more != (i < len(replies)-1) || int(f.L3Len) > mtu || len(body) == 0 {
			t.Fatalf("fragment %d of %d: %d bytes at %d, more %v; have %d", i, len(replies), len(body), at, more, len(data))
		}
		data = append(data, body...)
	}
	return data
}

// TestFragmentedEcho: the answer is what one to the whole request is.
func TestFragmentedEcho(t *testing.T) {
	for _, c := range []struct {
		from, to netip.Addr
		n        int
	}{{ask4, gw4, 4000}, {ask6, gw6, 4000}, {ask4, b4, 1473}, {ask6, r6, 1453}, {ask4, gw4, 65507}, {askLL, gwLL, 60000}} {
		whole := ping(c.from, c.to, bytes.Repeat([]byte("fragment"), c.n/8+1)[:c.n])
		r := newRig(t, nil)
		pieces := cut(whole, 1448)
		for i, b := range pieces {
			if got := r.serve(b); got != frame.Consumed || i < len(pieces)-1 && len(r.box.replies) != 0 {
				t.Fatalf("fragment %d ended as %v with %d answers", i, got, len(r.box.replies))
			}
		}
		m := joined(t, r.box.replies, 1500)
		sum, typ := uint64(0), byte(0)
		if c.from.Is6() {
			sum = uint64(addUp(uint64(frame.ProtoICMPv6)+uint64(len(m)), append(c.from.AsSlice(), c.to.AsSlice()...)))
			typ = 129
		}
		transport(t, sum, m)
		if f := parsed(whole); m[0] != typ || !bytes.Equal(m[4:], whole[f.L4+4:]) {
			t.Errorf("%v: not the request's %d bytes", c.to, c.n)
		}
	}
}

// TestFragmentsRefused: what is not an echo request in a row.
func TestFragmentsRefused(t *testing.T) {
	echo := cut(ping(ask4, gw4, make([]byte, 4000)), 1448)
	other := cut(ping(ask4, b4, make([]byte, 4000)), 1448)
	wrong := cut(poked(ping(ask4, gw4, make([]byte, 3000)), frame.EthernetLen+frame.IPv4Len+2, 1, 1), 1448)
	odd := cut(ping(ask4, gw4, make([]byte, 4000)), 1445)
	long := poked(echo[1], frame.EthernetLen+6, 0x3f, 0xff)
	frame.IPv4(long[frame.EthernetLen:]).FillChecksum()
	reply := cut(packetTo(gwMAC, ask4, gw4, 64, layers.IPProtocolICMPv4, &layers.ICMPv4{}), 8)[0]
	reply[frame.EthernetLen+6] = 0x20
	frame.IPv4(reply[frame.EthernetLen:]).FillChecksum()
	cut4 := cut(ping(ask4, gw4, make([]byte, 64)), 40)[0][:frame.EthernetLen+frame.IPv4Len+4]
	cut4[frame.EthernetLen+3] = frame.IPv4Len + 4
	frame.IPv4(cut4[frame.EthernetLen:]).FillChecksum()
	behind := poked(cut(ping(ask6, gw6, make([]byte, 64)), 40)[1], frame.EthernetLen+6, extDstOpts)
	behind = slices.Insert(behind, frame.EthernetLen+frame.IPv6Len, extFragment, 0, 1, 4, 0, 0, 0, 0)
	behind[frame.EthernetLen+5] += 8
	consumed, bad, none := frame.Consumed, frame.DropServiceMessage, frame.DropNoService
	for _, c := range []struct {
		name string
		b    [][]byte
		ends []frame.Reason
	}{
		{"datagrams", cut(udp(ask4, gw4, 53, make([]byte, 2000)), 1448), []frame.Reason{none, none}},
		{"datagrams by IPv6", cut(udp(ask6, gw6, 53, make([]byte, 2000)), 1448), []frame.Reason{none, none}},
		{"an echo reply", [][]byte{reply}, []frame.Reason{none}},
		{"a first one without the type", [][]byte{cut4}, []frame.Reason{none}},
		{"behind other headers", [][]byte{behind}, []frame.Reason{none}},
		{"no beginning", echo[1:], []frame.Reason{bad, bad}},
		{"a gap", [][]byte{echo[0], echo[2], echo[1]}, []frame.Reason{consumed, bad, bad}},
		{"twice", [][]byte{echo[0], echo[1], echo[1], echo[2]}, []frame.Reason{consumed, consumed, bad, bad}},
		{"begun anew", [][]byte{echo[0], echo[0], echo[1]}, []frame.Reason{consumed, consumed, consumed}},
		{"another between", [][]byte{echo[0], other[0], echo[1]}, []frame.Reason{consumed, consumed, bad}},
		{"a wrong checksum", wrong, []frame.Reason{consumed, consumed, bad}},
		{"an odd length", odd, []frame.Reason{bad, bad, bad}},
		{"beyond the end", [][]byte{long}, []frame.Reason{bad}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			for i, want := range c.ends {
				r.want(c.b[i], want, 0)
			}
		})
	}
}

// TestFragmentLimits: one message a port, so many in all, and none for ever.
func TestFragmentLimits(t *testing.T) {
	r := newRig(t, nil)
	pieces := cut(ping(ask4, gw4, make([]byte, 2000)), 1448)
	for i := range maxMessages + 1 {
		r.box.from = frame.PortID(i)
		want := frame.Consumed
		if i == maxMessages {
			want = frame.DropServiceBusy
		}
		r.want(pieces[0], want, 0)
	}
	r.box.from = 0
	if got := r.serve(pieces[1]); got != frame.Consumed || len(r.box.replies) != 2 {
		t.Errorf("the rest ended as %v with %d answers", got, len(r.box.replies))
	}
	r.box.from = 1
	r.box.now += patience
	r.want(pieces[1], frame.DropServiceMessage, 0)
	r.box.full = true
	r.want(pieces[0], frame.Consumed, 0)
	r.want(pieces[1], frame.DropServiceBusy, 0)
}
