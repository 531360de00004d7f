package nat

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
)

// split cuts a frame into fragments whose payloads have size bytes, a multiple of 8.
func split(t testing.TB, b []byte, size int) (pieces [][]byte) {
	t.Helper()
	f := slot(t, b)
	v6 := f.Flags&frame.FlagIPv6 != 0
	head := int(f.L3) + frame.IPv4Len
	if v6 {
		head = int(f.L3) + frame.IPv6Len
	}
	body := b[head : int(f.L3)+int(f.L3Len)]
	for at := 0; at < len(body); at += size {
		part := body[at:min(at+size, len(body))]
		more := at+len(part) < len(body)
		p := bytes.Clone(b[:head])
		if v6 {
			ext := make([]byte, fragmentHeader)
			ext[0], p[14+6] = p[14+6], extFragment
			word := uint16(at)
			if more {
				word |= 1
			}
			binary.BigEndian.PutUint16(ext[2:], word)
			binary.BigEndian.PutUint32(ext[4:], 0xabcdef)
			p = append(append(p, ext...), part...)
			binary.BigEndian.PutUint16(p[14+4:], uint16(fragmentHeader+len(part)))
		} else {
			p = append(p, part...)
			word := uint16(at / 8)
			if more {
				word |= 0x2000
			}
			binary.BigEndian.PutUint16(p[14+6:], word)
			frame.IPv4(p[14:]).SetTotalLen(len(p) - 14)
			frame.IPv4(p[14:]).FillChecksum()
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// join puts fragments together again, whatever their order.
func join(t testing.TB, pieces [][]byte) []byte {
	t.Helper()
	parts := map[int][]byte{}
	var whole []byte
	n := 0
	for _, b := range pieces {
		f := slot(t, b)
		p, ok := readPiece(opOut, f)
		if !ok || !p.key.v6 && !f.IPv4().ChecksumOK() {
			t.Fatalf("no good fragment: %.60x", b)
		}
		head, body := b[:14+frame.IPv4Len], b[14+frame.IPv4Len:]
		if p.key.v6 {
			head, body = b[:14+frame.IPv6Len], b[14+frame.IPv6Len+fragmentHeader:]
		}
		if parts[p.from*8] = body; p.from == 0 {
			whole = bytes.Clone(head)
			if p.key.v6 {
				whole[14+6] = b[14+frame.IPv6Len]
			}
		}
		n += len(body)
	}
	for at := 0; at < n; at += len(parts[at]) {
		if len(parts[at]) == 0 {
			t.Fatalf("nothing at %d of %d", at, n)
		}
		whole = append(whole, parts[at]...)
	}
	if whole[14]>>4 == 6 {
		frame.IPv6(whole[14:]).SetPayloadLen(n)
		return whole
	}
	binary.BigEndian.PutUint16(whole[14+6:], 0x4000) // as it was: DF
	frame.IPv4(whole[14:]).SetTotalLen(len(whole) - 14)
	frame.IPv4(whole[14:]).FillChecksum()
	return whole
}

// Fragments of both families, of all protocols, both ways, in any order, come out as the
// packet would have.
func TestFragmentsInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	payload := make([]byte, 5000)
	for i := range payload {
		payload[i] = byte(rnd.Uint32())
	}
	a6, x6 := at(hostA6, 5000), at(hostX6, 80)
	for name, whole := range map[string][]byte{
		"udp4": udp(a, x, payload...), "udp6": udp(a6, x6, payload...),
		"other4": ipPacket(hostA, hostX, 253, payload...), "other6": ipPacket(hostA6, hostX6, 253, payload...),
		"sctp4": ipPacket(hostA, hostX, protoSCTP, payload...),
	} {
		for range 20 {
			r := newRig(t)
			r.out(udp(at(hostB, 6000), x)) // something else
			want := newRig(t).out(whole)
			pieces := split(t, whole, 8*(20+rnd.IntN(100)))
			rnd.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
			var got [][]byte
			for _, p := range pieces {
				f := slot(t, p)
				switch reason := r.t.Out(r.now, f); reason {
				case frame.Accepted:
					got = append(got, bytes.Clone(f.Bytes()))
				case frame.Consumed:
				default:
					t.Fatalf("%s: %v", name, reason)
				}
				if r.t.HasReleased() {
					r.t.Released(func(b []byte, in bool) {
						if in {
							t.Error("goes inside")
						}
						got = append(got, bytes.Clone(b))
					})
				}
			}
			if !bytes.Equal(join(t, got), want.bytes) {
				t.Fatalf("%s: differs", name)
			}
			if c := r.t.Counts(); c.Datagrams != 0 || c.Kept != 0 || c.Lost != 0 {
				t.Errorf("%s: left: %+v", name, c)
			}
		}
	}
}

// A hairpinned packet's fragments are released inside.
func TestFragmentsOfHairpins(t *testing.T) {
	r := newRig(t)
	s := r.out(udp(b, x))
	pieces := split(t, udp(a, s.src, make([]byte, 2000)...), 1000)
	r.refuse(opHair, pieces[1], frame.Consumed)
	r.hair(pieces[0])
	n := 0
	r.t.Released(func(p []byte, in bool) {
		n++
		if src, dst := ends(decode(p)); !in || dst.Addr() != b.Addr() || src.Addr().String() != outer4 {
			t.Errorf("in %v, from %v to %v", in, src, dst)
		}
	})
	if n != 1 {
		t.Errorf("%d were released", n)
	}
}

func TestFragmentsThatEnd(t *testing.T) {
	pieces := split(t, udp(a, x, make([]byte, 3000)...), 1000)
	tiny := split(t, tcp(a, x, synFlag), 8)
	short := bytes.Clone(pieces[0])
	short = short[:14+20+999]
	frame.IPv4(short[14:]).SetTotalLen(20 + 999)
	for name, c := range map[string]struct {
		pieces [][]byte
		want   []frame.Reason
	}{
		"the same twice":        {[][]byte{pieces[0], pieces[1], pieces[1], pieces[0]}, []frame.Reason{0, 0, frame.DropNATFragment, frame.DropNATFragment}},
		"twice while it waits":  {[][]byte{pieces[1], pieces[1]}, []frame.Reason{frame.Consumed, frame.DropNATFragment}},
		"ports cut off":         {[][]byte{tiny[0], tiny[1]}, []frame.Reason{frame.DropNATFragment, frame.DropNATFragment}},
		"not a multiple of 8":   {[][]byte{short}, []frame.Reason{frame.DropNATFragment}},
		"of a packet that ends": {split(t, tcp(a, x, ackFlag, make([]byte, 100)...), 24), []frame.Reason{frame.DropNoFlow, frame.DropNATFragment, frame.DropNATFragment}},
	} {
		r := newRig(t)
		for i, want := range c.want {
			if got := r.t.Out(r.now, slot(t, c.pieces[i])); got != want {
				t.Errorf("%s: fragment %d: %v, want %v", name, i, got, want)
			}
		}
	}
}

// Fragments whose first one never comes are bounded, and forgotten.
func TestFragmentsThatWait(t *testing.T) {
	r := newRig(t)
	piece := split(t, udp(a, x, make([]byte, 3000)...), 1400)[1]
	end := func(i int) []byte {
		ip := frame.IPv4(piece[14:])
		ip.SetID(uint16(i))
		return piece
	}
	for i := range 3 * perSender {
		r.refuse(opOut, end(i), frame.Consumed)
	}
	if c := r.t.Counts(); c.Datagrams != perSender || c.Kept != perSender*len(piece) || c.Lost != 2*perSender {
		t.Errorf("one sender: %+v", c)
	}
	for host := range byte(10) {
		frame.IPv4(piece[14:]).SetSrc4(0x0a000100 + uint32(host))
		for i := range perSender {
			if got := r.t.Out(r.now, slot(t, end(i))); got != frame.Consumed && got != frame.DropNATFragment {
				t.Fatal(got)
			}
		}
	}
	c := r.t.Counts()
	if c.Datagrams > maxDatagrams || c.Kept > maxKept {
		t.Errorf("many senders: %+v", c)
	}
	r.now += reassembly + 1
	r.t.Expire(r.now)
	if c = r.t.Counts(); c.Datagrams != 0 || c.Kept != 0 {
		t.Errorf("later: %+v", c)
	}
	if n := len(r.t.fragments.senders); n != 0 {
		t.Errorf("%d senders are left", n)
	}
}

// What is released counts as kept until it is out.
func TestReleasedBytesAreBounded(t *testing.T) {
	r := newRig(t)
	pieces := split(t, udp(a, x, make([]byte, 3000)...), 1400)
	r.refuse(opOut, pieces[1], frame.Consumed)
	r.out(pieces[0])
	if c := r.t.Counts(); c.Kept == 0 || !r.t.HasReleased() {
		t.Errorf("before: %+v", c)
	}
	r.t.Released(func([]byte, bool) {})
	if c := r.t.Counts(); c.Kept != 0 || r.t.HasReleased() {
		t.Errorf("after: %+v", c)
	}
}
