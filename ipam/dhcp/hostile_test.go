package dhcp

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"vswitch/internal/frame"
)

// payloadAt4 is where the message begins in the frames of these tests.
const payloadAt4 = frame.EthernetLen + frame.IPv4Len + frame.UDPLen

// edit4 makes the frame of a DISCOVER whose message was edited.
func edit4(edit func(m []byte) []byte) []byte {
	m := message4(1, dhcpv4.MessageTypeDiscover)
	return datagram4(macOf(1), frame.Broadcast, netip.IPv4Unspecified(), broadcast4, clientPort4, serverPort4, edit(m.ToBytes()))
}

func set(at int, v byte) func([]byte) []byte {
	return func(m []byte) []byte { m[at] = v; return m }
}

// options replaces the options of a message.
func options(raw ...byte) func([]byte) []byte {
	return func(m []byte) []byte { return append(m[:header4], raw...) }
}

// Nothing of this is answered, changes a lease or stops the server.
func TestHostile4(t *testing.T) {
	whole := edit4(func(m []byte) []byte { return m })
	sum := append([]byte(nil), whole...)
	sum[payloadAt4-1] ^= 1
	header := append([]byte(nil), whole...)
	header[frame.EthernetLen+10] ^= 1
	fragment := append([]byte(nil), whole...)
	fragment[frame.EthernetLen+6] = 0x20
	frame.IPv4(fragment[frame.EthernetLen:]).FillChecksum()
	other := datagram4(macOf(2), frame.Broadcast, netip.IPv4Unspecified(), broadcast4, 68, 67, message4(1, dhcpv4.MessageTypeDiscover).ToBytes())
	for _, c := range []struct {
		name string
		b    []byte
		want frame.Reason
	}{
		{"empty", nil, frame.DropServiceMessage},
		{"cut off", whole[:60], frame.DropServiceMessage},
		{"another checksum", sum, frame.DropServiceMessage},
		{"another header checksum", header, frame.DropServiceMessage},
		{"a fragment", fragment, frame.DropServiceMessage},
		{"another station's hardware address", other, frame.DropServiceMessage},
		{"no cookie", edit4(set(237, 0)), frame.DropServiceMessage},
		{"a short header", edit4(func(m []byte) []byte { return m[:200] }), frame.DropServiceMessage},
		{"token ring", edit4(set(atHType, 6)), frame.DropServiceMessage},
		{"a long hardware address", edit4(set(atHLen, 255)), frame.DropServiceMessage},
		{"too many hops", edit4(set(atHops, 17)), frame.DropServiceMessage},
		{"a relay", edit4(set(atGIAddr, 10)), frame.DropServiceMessage},
		{"a reply", edit4(set(atOp, 2)), frame.DropRogueDHCP},
		{"an offer", edit4(options(53, 1, 2, 255)), frame.DropRogueDHCP},
		{"BOOTP", edit4(options(255)), frame.DropServiceMessage},
		{"two types", edit4(options(53, 1, 1, 53, 1, 3, 255)), frame.DropServiceMessage},
		{"an unknown type", edit4(options(53, 1, 99, 255)), frame.DropServiceMessage},
		{"a length that lies", edit4(options(53, 1, 1, 12, 200, 'a', 255)), frame.DropServiceMessage},
		{"no end", edit4(options(53, 1, 1)), frame.DropServiceMessage},
		{"an address of three bytes", edit4(options(53, 1, 1, 50, 3, 1, 2, 3, 255)), frame.DropServiceMessage},
		{"an empty address", edit4(options(53, 1, 1, 50, 0, 255)), frame.DropServiceMessage},
		{"an empty identifier", edit4(options(53, 1, 1, 61, 0, 255)), frame.DropServiceMessage},
		{"longer than the MTU", edit4(func(m []byte) []byte { return append(m, make([]byte, 1300)...) }), frame.DropServiceMessage},
		{"to another port", datagram4(macOf(1), frame.Broadcast, netip.IPv4Unspecified(), broadcast4, 68, 68, nil), frame.DropServiceMessage},
	} {
		s := newServer(t, config(t, 9))
		out, why := s.Serve4(start, 1, c.b)
		if len(out) != 0 || why != c.want || len(s.Leases(start)) != 0 {
			t.Errorf("%s: %d answers, %v, leases %v", c.name, len(out), why, s.Leases(start))
		}
		if st := s.Stats(); st.Malformed+st.Relayed+st.Rogue != 1 {
			t.Errorf("%s: not counted: %+v", c.name, st)
		}
	}
}

// What is odd but no fault is answered: a tag, a checksum that is missing or left to
// the device, padding, options that nobody knows.
func TestTolerated4(t *testing.T) {
	whole := edit4(func(m []byte) []byte { return m })
	plain := func() []byte { return append([]byte(nil), whole...) }
	none := plain()
	frame.UDP(none[34:]).SetChecksum(0)
	partial := plain()
	ip := frame.IPv4(partial[14:])
	frame.UDP(partial[34:]).SetChecksum(frame.Fold(ip.PseudoSum(len(ip) - frame.IPv4Len)))
	tagged := append(append(plain()[:12:12], 0x81, 0, 0, 5), whole[12:]...)
	for name, b := range map[string][]byte{
		"no checksum": none, "partial checksum": partial, "tagged": tagged, "padded": append(plain(), 0, 0, 0),
		"relay information": edit4(options(53, 1, 1, 82, 2, 1, 0, 255)),
		"unknown options":   edit4(options(53, 1, 1, 0, 0, 250, 3, 1, 2, 3, 255, 9, 9)),
		"sixteen hops":      edit4(set(atHops, 16)),
	} {
		out, why := newServer(t, config(t, 9)).Serve4(start, 1, b)
		if len(out) != 1 || why != frame.Consumed {
			t.Errorf("%s: %d answers, %v", name, len(out), why)
		}
	}
}

// raw6 makes the frame of a message with these options.
func raw6(kind dhcpv6.MessageType, opts ...byte) []byte {
	return datagram6(macOf(1), local6(1), allServers, append([]byte{byte(kind), 1, 2, 3}, opts...))
}

// opt6 encodes an option.
func opt6(code uint16, value ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...)
}

func TestHostile6(t *testing.T) {
	duid := opt6(1, 0, 3, 0, 1, 1, 2, 3, 4, 5, 6)
	server := opt6(2, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1)
	iana := opt6(3, make([]byte, 12)...)
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	solicit := dhcpv6.MessageTypeSolicit
	global := datagram6(macOf(1), netip.MustParseAddr("fd09::77"), allServers, append([]byte{1, 1, 2, 3}, duid...))
	unicast := datagram6(macOf(1), local6(1), linkLocal, append([]byte{1, 1, 2, 3}, duid...))
	noSum := raw6(solicit, join(duid, iana)...)
	frame.UDP(noSum[54:]).SetChecksum(0)
	for _, c := range []struct {
		name string
		b    []byte
		want frame.Reason
	}{
		{"empty", nil, frame.DropServiceMessage},
		{"three bytes", datagram6(macOf(1), local6(1), allServers, []byte{1, 2, 3}), frame.DropServiceMessage},
		{"no checksum", noSum, frame.DropServiceMessage},
		{"from a global address", global, frame.DropServiceMessage},
		{"unicast", unicast, frame.DropServiceMessage},
		{"no client", raw6(solicit, iana...), frame.DropServiceMessage},
		{"a solicit to a server", raw6(solicit, join(duid, server)...), frame.DropServiceMessage},
		{"a request to nobody", raw6(dhcpv6.MessageTypeRequest, join(duid, iana)...), frame.DropServiceMessage},
		{"two clients", raw6(solicit, join(duid, duid)...), frame.DropServiceMessage},
		{"two servers", raw6(dhcpv6.MessageTypeRequest, join(duid, server, server)...), frame.DropServiceMessage},
		{"an empty DUID", raw6(solicit, opt6(1)...), frame.DropServiceMessage},
		{"a long DUID", raw6(solicit, opt6(1, make([]byte, 131)...)...), frame.DropServiceMessage},
		{"a length that lies", raw6(solicit, append(duid, 0, 3, 0, 200)...), frame.DropServiceMessage},
		{"half an option", raw6(solicit, append(duid, 0, 3)...), frame.DropServiceMessage},
		{"a short association", raw6(solicit, join(duid, opt6(3, 1, 2, 3))...), frame.DropServiceMessage},
		{"a short address", raw6(solicit, join(duid, opt6(3, join(make([]byte, 12), opt6(5, 1, 2))...))...), frame.DropServiceMessage},
		{"too many associations", raw6(solicit, join(duid, iana, iana, iana, iana, iana)...), frame.DropServiceMessage},
		{"information about an address", raw6(dhcpv6.MessageTypeInformationRequest, join(duid, iana)...), frame.DropServiceMessage},
		{"an advertise", raw6(dhcpv6.MessageTypeAdvertise, join(duid, server)...), frame.DropRogueDHCP},
		{"a reply", raw6(dhcpv6.MessageTypeReply, join(duid, server)...), frame.DropRogueDHCP},
		{"a relay", raw6(dhcpv6.MessageTypeRelayForward, duid...), frame.DropServiceMessage},
		{"an unknown type", raw6(99, duid...), frame.DropServiceMessage},
		{"longer than any", raw6(solicit, join(duid, opt6(99, make([]byte, 1100)...))...), frame.DropServiceMessage},
	} {
		s := newServer(t, config(t, 9))
		out, why := s.Serve6(start, 1, c.b)
		if len(out) != 0 || why != c.want || len(s.Leases(start)) != 0 {
			t.Errorf("%s: %d answers, %v, leases %v", c.name, len(out), why, s.Leases(start))
		}
		if st := s.Stats(); st.Malformed+st.Relayed+st.Rogue != 1 {
			t.Errorf("%s: not counted: %+v", c.name, st)
		}
	}
}
