package dhcp

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"vswitch/internal/frame"
)

// wrap4 and wrap6 put any bytes as a message into a frame whose headers are right,
// so that fuzzing gets to the message.
func wrap4(m []byte) []byte {
	return datagram4(macOf(1), frame.Broadcast, addr4([]byte{0, 0, 0, 0}), broadcast4, clientPort4, serverPort4, m)
}

func wrap6(m []byte) []byte { return datagram6(macOf(1), local6(1), allServers, m) }

// FuzzServe4: whatever comes, raw or as a message, does no harm; what is answered is
// right to the last byte; an address is never given to two clients.
func FuzzServe4(f *testing.F) {
	for kind := range dhcpv4.MessageType(10) {
		m := message4(1, kind, dhcpv4.WithOption(dhcpv4.OptHostName("a")),
			dhcpv4.WithOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionRouter, dhcpv4.OptionDNSDomainSearchList)))
		f.Add(m.ToBytes(), false)
		f.Add(frame4(1, m), true)
		m.UpdateOption(dhcpv4.OptServerIdentifier(gateway.AsSlice()))
		m.UpdateOption(dhcpv4.OptRequestedIPAddress([]byte{10, 9, 0, 2}))
		m.UpdateOption(dhcpv4.OptClientIdentifier([]byte{1, 2, 3}))
		f.Add(m.ToBytes(), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, raw bool) {
		s := newServer(t, config(t, 3))
		if !raw {
			b = wrap4(b[:min(len(b), 60000)])
		}
		before := slices.Clone(b)
		for i := range 4 {
			out, why := s.Serve4(start.Add(time.Duration(i)*time.Minute), frame.PortID(i), b)
			if len(out) > 1 || why == frame.Accepted || len(out) > 0 && why != frame.Consumed {
				t.Fatalf("%d answers, %v", len(out), why)
			}
			for _, o := range out {
				reply4Of(t, o, s.cfg.MTU)
			}
		}
		if !slices.Equal(b, before) {
			t.Error("the request was changed")
		}
		consistent(t, s)
	})
}

func FuzzServe6(f *testing.F) {
	for kind := range dhcpv6.MessageType(14) {
		m := &dhcpv6.Message{MessageType: kind}
		m.AddOption(dhcpv6.OptClientID(duidOf(1)))
		f.Add(m.ToBytes(), false)
		m.AddOption(&dhcpv6.OptIANA{Options: dhcpv6.IdentityOptions{Options: dhcpv6.Options{iaAddr(local6(3), 0)}}})
		f.Add(m.ToBytes(), false)
		f.Add(frame6(1, m), true)
		m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}})
		m.AddOption(&dhcpv6.OptIAPD{})
		f.Add(m.ToBytes(), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, raw bool) {
		cfg := config(t, 3)
		cfg.MTU = minMTU6
		cfg.DNS6 = slices.Repeat(cfg.DNS6, maxDNS)
		s := newServer(t, cfg)
		if !raw {
			b = wrap6(b[:min(len(b), 60000)])
		}
		for i := range 4 {
			out, why := s.Serve6(start.Add(time.Duration(i)*time.Minute), frame.PortID(i), b)
			if len(out) > 1 || why == frame.Accepted || len(out) > 0 && why != frame.Consumed {
				t.Fatalf("%d answers, %v", len(out), why)
			}
			for _, o := range out {
				reply6Of(t, o, s.cfg.MTU)
			}
		}
		consistent(t, s)
	})
}

func FuzzSolicit(f *testing.F) {
	f.Add(solicit6(1, local6(1), 255, 0, sourceMAC...))
	f.Add(solicit6(1, netip.IPv6Unspecified(), 255, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newServer(t, config(t, 3))
		out, _ := s.Solicit(start, 1, b)
		for _, o := range out {
			advert(t, o)
		}
	})
}

// FuzzHostname: a host name is one label, whatever a client says.
func FuzzHostname(f *testing.F) {
	f.Add("web.example", []byte("\x03web"))
	f.Fuzz(func(t *testing.T, name string, wire []byte) {
		for _, got := range []string{cleanHostname(name), cleanHostname(firstLabel(wire))} {
			if got != "" && (badLabel(got) || len(got) > 63) {
				t.Errorf("%q", got)
			}
		}
	})
}

// consistent checks what the server keeps against the pools: every address of the
// pools that is in use is in the book and the other way round, each client once.
func consistent(t testing.TB, s *Server) {
	t.Helper()
	lent := 0
	for addr, l := range s.book.byAddr {
		pool := s.pool(l.V6()).(*testPool)
		if l.Addr != addr || !pool.used[addr] || s.book.due[l.at] != l {
			t.Fatalf("%v: %+v", addr, l)
		}
		if l.key != "" && s.book.byKey[l.key] != l {
			t.Fatalf("%v is not its client's", addr)
		}
		if l.lent {
			lent++
		}
	}
	held := len(s.reserved.byAddr)
	for _, p := range []Pool{s.cfg.Pool, s.cfg.Pool6} {
		held -= len(p.(*testPool).used)
	}
	if held+lent != 0 || len(s.book.due) != len(s.book.byAddr) || len(s.book.byKey) > len(s.book.byAddr) {
		t.Fatalf("the pools hold %d more than the book", -held-lent)
	}
}
