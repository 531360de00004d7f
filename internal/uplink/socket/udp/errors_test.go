package udp

import (
	"net"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink/uplinktest"
)

// closedPort returns a port of the loopback that nobody listens on, as a container sees
// it.
func closedPort(t *testing.T, listen func(testing.TB) *server) *server {
	s := listen(t)
	s.Close()
	return s
}

// A port that nobody listens on is unreachable to the container, whose kernel finds its
// socket by what the error quotes.
func TestPortUnreachable(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r := newRig(t)
		to := closedPort(t, listen).alias()
		r.send(s.UDP(4000, to, []byte("anybody?"), 0))
		wantError(t, r.Await(), s, to, unreachable(s), []byte("anybody?"))
		if c := r.s.Counts(); c.Refused != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func unreachable(s uplinktest.Station) [2]uint8 {
	if s.Addr.Is4() {
		return [2]uint8{frame.ICMPUnreachable, 3}
	}
	return [2]uint8{frame.ICMPv6Unreachable, 4}
}

// wantError looks at an ICMP error about a datagram of s's to an end.
func wantError(t testing.TB, f *frame.Frame, s uplinktest.Station, to interface{ String() string }, want [2]uint8, body []byte) {
	t.Helper()
	if f.Dst != s.MAC || f.L4 == 0 || f.Proto != frame.ProtoICMP && f.Proto != frame.ProtoICMPv6 {
		t.Fatalf("not an error: %x", f.Bytes())
	}
	b := f.Bytes()[f.L4:]
	if got := [2]uint8{b[0], b[1]}; got != want {
		t.Errorf("type and code are %v, want %v", got, want)
	}
	eth := frame.Ethernet(make([]byte, frame.EthernetLen))
	eth.SetEtherType(frame.TypeIPv6)
	if s.Addr.Is4() {
		eth.SetEtherType(frame.TypeIPv4)
	}
	// What is quoted may be shorter than it says.
	quote := append(append(eth, b[frame.ICMPLen:]...), make([]byte, 2000)...)
	q := &frame.Frame{Buf: quote, Len: len(quote)}
	if r := q.Parse(); r != frame.Accepted {
		t.Fatalf("the quote is %v", r)
	}
	src, dst := uplinktest.Ends(q)
	if src != port(s.Addr, 4000) || dst.String() != to.String() {
		t.Errorf("the quote is from %v to %v, want to %v", src, dst, to)
	}
	if got := q.Bytes()[q.L4+frame.UDPLen:][:len(body)]; string(got) != string(body) {
		t.Errorf("the quote has %q", got)
	}
}

// An error that one datagram has caused does not stop the next, which is another's.
func TestPendingErrorIsNotTheNextOnes(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		nobody := closedPort(t, listen).alias()
		r.send(s.UDP(4000, nobody, []byte("1"), 0), s.UDP(4000, to.alias(), []byte("2"), 0))
		if got, from := to.get(); string(got) != "2" {
			t.Errorf("the server got %q", got)
		} else {
			to.put([]byte("3"), from)
		}
		wantError(t, r.Await(), s, nobody, unreachable(s), []byte("1"))
		wantUDP(t, r.Await(), to.alias(), port(s.Addr, 4000), s.MAC, []byte("3"))
	})
}

// A client that is gone is told of to the container that answers it.
func TestPublishedClientGone(t *testing.T) {
	r := newRig(t)
	_, at, _ := r.published("127.0.0.1:0", port(alice4.Addr, 4000))
	client := loopback4(t)
	client.put([]byte("question"), at)
	src, _ := uplinktest.Ends(r.Await())
	client.Close()
	r.send(alice4.UDP(4000, src, []byte("answer"), 0))
	wantError(t, r.Await(), alice4, src, unreachable(alice4), []byte("answer"))
}

// Where the kernel cannot send several at once, each is sent by itself.
func TestWithoutSegmentation(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	r.s.offloads = offloads{known: true}
	body := payload(5500)
	r.send(alice4.UDP(4000, to.alias(), body, 1000), alice4.UDP(4000, to.alias(), body[:1000], 0), alice4.UDP(4000, to.alias(), body[:1000], 0))
	wantDatagrams(t, to, [][]byte{body[:1000], body[1000:2000], body[2000:3000], body[3000:4000], body[4000:5000], body[5000:], body[:1000], body[:1000]})
}

// A datagram to nobody's network ends as such, in a run too.
func TestNoRoute(t *testing.T) {
	ns := namespace(t)
	r := newRig(t)
	to := net.UDPAddrFromAddrPort(port(addr("203.0.113.9"), 9)).AddrPort()
	within(t, ns, func() {
		for _, end := range r.run(alice4.UDP(4000, to, []byte("1"), 0), alice4.UDP(4000, to, []byte("2"), 0), alice4.UDP(4001, to, []byte("3"), 0)) {
			if end != frame.DropUplinkUnreachable {
				t.Errorf("ended as %v", end)
			}
		}
	})
}

// What the container sets as type of service and time to live is what leaves; what a
// host begins with leaves as the host's own.
func TestHeaderFieldsPassOn(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		raw := rawOf(t, to)
		for _, o := range [][2]int{{unix.IPPROTO_IP, unix.IP_RECVTOS}, {unix.IPPROTO_IP, unix.IP_RECVTTL}, {unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS}, {unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT}} {
			_ = unix.SetsockoptInt(raw, o[0], o[1], 1)
		}
		for _, c := range []struct{ ttl, tos, wantTTL uint8 }{{64, 0, 64}, {128, 0, 64}, {255, 0, 64}, {63, 0, 62}, {5, 0xb8, 4}, {2, 2, 1}} {
			f := s.UDP(4000, to.alias(), []byte("x"), 0)
			if s.Addr.Is4() {
				f.IPv4().SetTTL(c.ttl)
				f.IPv4().SetTOS(c.tos)
			} else {
				f.IPv6().SetHopLimit(c.ttl)
				f.IPv6().SetTrafficClass(c.tos)
			}
			r.send(f)
			if ttl, tos := fieldsOf(t, to); ttl != c.wantTTL || tos != c.tos {
				t.Errorf("TTL %d and TOS %#x came as %d and %#x", c.ttl, c.tos, ttl, tos)
			}
		}
	})
}

// fieldsOf reads a datagram and its time to live and type of service.
func fieldsOf(t *testing.T, s *server) (ttl, tos uint8) {
	b, oob := make([]byte, 100), make([]byte, 200)
	_, n, _, _, err := s.ReadMsgUDPAddrPort(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	all, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		switch [2]int32{m.Header.Level, m.Header.Type} {
		case [2]int32{unix.IPPROTO_IP, unix.IP_TTL}, [2]int32{unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT}:
			ttl = m.Data[0]
		case [2]int32{unix.IPPROTO_IP, unix.IP_TOS}, [2]int32{unix.IPPROTO_IPV6, unix.IPV6_TCLASS}:
			tos = m.Data[0]
		}
	}
	return ttl, tos
}

// The type of service of what comes in is the peer's: ECN has to arrive.
func TestTypeOfServiceIn(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		r.send(s.UDP(4000, to.alias(), []byte("x"), 0))
		_, from := to.get()
		_ = unix.SetsockoptInt(rawOf(t, to), unix.IPPROTO_IP, unix.IP_TOS, 0xba)
		_ = unix.SetsockoptInt(rawOf(t, to), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0xba)
		to.put([]byte("y"), from)
		f := r.Await()
		tos := f.Bytes()[f.L3+1]
		if s.Addr.Is6() {
			tos = f.IPv6().TrafficClass()
		}
		if tos != 0xba {
			t.Errorf("it came with %#x", tos)
		}
	})
}

// What a rule of the host's forbids is prohibited.
func TestProhibited(t *testing.T) {
	testnet.NeedPrograms(t, "nft")
	ns := namespace(t)
	r := newRig(t)
	within(t, ns, func() {
		rules := "table ip t {\n chain o {\n type filter hook output priority 0\n udp dport 9 drop\n }\n}\n"
		if out, err := exec.Command("nft", rules).CombinedOutput(); err != nil {
			t.Errorf("nft: %v: %s", err, out)
		}
		to := port(uplinktest.Loopback4, 9)
		for i, end := range r.run(alice4.UDP(4000, to, []byte("1"), 0), alice4.UDP(4000, to, []byte("2"), 0)) {
			if end != frame.DropUplinkProtocol {
				t.Errorf("frame %d ended as %v", i, end)
			}
		}
	})
}
