package dhcp

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"vswitch/internal/frame"
)

// talker is a client of DHCPv6 that says what it is told to.
type talker struct {
	t   *testing.T
	s   *Server
	now time.Time
	n   int
	iai byte // of its one identity association
}

func duidOf(n int) dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: macOf(n).HardwareAddr()}
}

// say sends a message about the addresses and returns the answer; nil if there is
// none.
func (k *talker) say(kind dhcpv6.MessageType, addrs []string, more ...dhcpv6.Option) *dhcpv6.Message {
	k.t.Helper()
	m := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID{1, 2, byte(k.n)}}
	m.AddOption(dhcpv6.OptClientID(duidOf(k.n)))
	if slices.Contains([]dhcpv6.MessageType{dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline}, kind) {
		m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: k.s.cfg.DUID})
	}
	if kind != dhcpv6.MessageTypeInformationRequest {
		ia := &dhcpv6.OptIANA{IaId: [4]byte{3: k.iai}}
		for _, a := range addrs {
			ia.Options.Add(iaAddr(netip.MustParseAddr(a), 0))
		}
		m.AddOption(ia)
	}
	for _, o := range more {
		m.AddOption(o)
	}
	out, why := k.s.Serve6(k.now, frame.PortID(k.n), frame6(k.n, m))
	if why != frame.Consumed {
		k.t.Fatalf("%v: %v", kind, why)
	}
	if len(out) == 0 {
		return nil
	}
	a, r := reply6Of(k.t, out[0], k.s.cfg.MTU)
	if a.dst != local6(k.n) || a.mac != macOf(k.n) || r.TransactionID != m.TransactionID ||
		!duidOf(k.n).Equal(r.Options.ClientID()) || string(r.Options.ServerID().ToBytes()) != string(k.s.cfg.DUID) {
		k.t.Fatalf("to %v at %v: %v", a.dst, a.mac, r)
	}
	return r
}

// gist writes the answer about the first identity association in a line.
func gist(m *dhcpv6.Message) string {
	if m == nil {
		return "-"
	}
	s := m.MessageType.String()
	if st := m.Options.Status(); st != nil {
		s += " " + st.StatusCode.String()
	}
	ia := m.Options.OneIANA()
	if ia == nil {
		return s
	}
	for _, a := range ia.Options.Addresses() {
		s += " " + a.IPv6Addr.String() + "=" + a.ValidLifetime.String()
	}
	if st := ia.Options.Status(); st != nil {
		s += " (" + st.StatusCode.String() + ")"
	}
	return s
}

func TestConversations6(t *testing.T) {
	const (
		sol, req, ren, reb = dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind
		con, rel, dec      = dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline
	)
	type step struct {
		after time.Duration
		n     int
		kind  dhcpv6.MessageType
		addrs []string
		want  string
	}
	at2, off := []string{"fd09::2"}, []string{"fd08::2"}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"an address, renewed, given back", []step{
			{0, 1, sol, nil, "ADVERTISE fd09::2=1h0m0s"},
			{0, 1, req, at2, "REPLY fd09::2=1h0m0s"},
			{0, 2, sol, nil, "ADVERTISE fd09::3=1h0m0s"},
			{30 * time.Minute, 1, ren, at2, "REPLY fd09::2=1h0m0s"},
			{59 * time.Minute, 1, reb, at2, "REPLY fd09::2=1h0m0s"},
			{0, 1, rel, at2, "REPLY Success"},
			{0, 1, ren, at2, "REPLY (NoBinding)"},
			{0, 1, rel, at2, "REPLY Success (NoBinding)"},
			{0, 1, sol, nil, "ADVERTISE fd09::2=1h0m0s"},
		}},
		{"hints", []step{
			{0, 1, sol, []string{"fd09::7"}, "ADVERTISE fd09::7=1h0m0s"},
			{0, 2, sol, []string{"fd09::7"}, "ADVERTISE fd09::2=1h0m0s"},
			{0, 3, sol, off, "ADVERTISE fd09::3=1h0m0s"},
			{0, 4, req, []string{"fd09::7"}, "REPLY fd09::4=1h0m0s fd09::7=0s"},
			{0, 5, req, off, "REPLY (NotOnLink)"},
			{0, 5, req, []string{"fd09::"}, "REPLY fd09::5=1h0m0s fd09::=0s"},
		}},
		{"an address of another link", []step{
			{0, 1, con, off, "REPLY NotOnLink"},
			{0, 1, con, at2, "REPLY Success"},
			{0, 1, con, nil, "-"},
			{0, 1, reb, off, "REPLY fd08::2=0s"},
			{0, 1, reb, at2, "REPLY (NoBinding)"},
		}},
		{"declined", []step{
			{0, 1, req, nil, "REPLY fd09::2=1h0m0s"},
			{0, 2, dec, at2, "REPLY Success (NoBinding)"},
			{0, 1, dec, at2, "REPLY Success"},
			{0, 1, req, at2, "REPLY fd09::3=1h0m0s fd09::2=0s"},
			{10 * time.Minute, 2, req, nil, "REPLY fd09::2=1h0m0s"},
		}},
		{"the end of a lease", []step{
			{0, 1, req, nil, "REPLY fd09::2=1h0m0s"},
			{time.Hour, 1, ren, at2, "REPLY (NoBinding)"},
			{0, 1, req, at2, "REPLY fd09::2=1h0m0s"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, now := newServer(t, config(t, 50)), start
			for i, st := range c.steps {
				now = now.Add(st.after)
				k := &talker{t, s, now, st.n, 1}
				if got := gist(k.say(st.kind, st.addrs)); got != st.want {
					t.Fatalf("step %d: %s, want %s", i, got, st.want)
				}
			}
		})
	}
}

// Settings come as far as they are asked for; without a pool there is nothing else.
func TestSettings6(t *testing.T) {
	cfg := config(t, 9)
	cfg.Pool6, cfg.Search = nil, nil
	k := &talker{t, newServer(t, cfg), start, 1, 1}
	if got := gist(k.say(dhcpv6.MessageTypeSolicit, nil)); got != "ADVERTISE (NoAddrsAvail)" {
		t.Error(got)
	}
	m := k.say(dhcpv6.MessageTypeInformationRequest, nil)
	if m.Options.InformationRefreshTime(0) != time.Hour || len(m.Options.DNS()) != 1 || m.Options.DomainSearchList().Labels[0] != "net1.test" {
		t.Errorf("%v", m)
	}
	m = k.say(dhcpv6.MessageTypeInformationRequest, nil, dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer))
	if len(m.Options.DNS()) != 1 || m.Options.DomainSearchList() != nil || m.GetOneOption(dhcpv6.OptionInformationRefreshTime) != nil {
		t.Errorf("%v", m)
	}
	other := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: []byte{0, 3, 0, 1, 9, 9, 9, 9, 9, 9}}
	if m := k.say(dhcpv6.MessageTypeInformationRequest, nil, other); m != nil {
		t.Errorf("answered for another server: %v", m)
	}
}

// Rapid commit, several associations at once, and what is not to be had.
func TestAssociations6(t *testing.T) {
	k := &talker{t, newServer(t, config(t, 9)), start, 1, 1}
	rapid := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}
	m := k.say(dhcpv6.MessageTypeSolicit, nil, rapid, &dhcpv6.OptIANA{IaId: [4]byte{3: 2}},
		&dhcpv6.OptIATA{IaId: [4]byte{3: 3}}, &dhcpv6.OptIAPD{IaId: [4]byte{3: 4}})
	if m.MessageType != dhcpv6.MessageTypeReply || m.GetOneOption(dhcpv6.OptionRapidCommit) == nil {
		t.Errorf("%v", m)
	}
	all := m.Options.IANA()
	if len(all) != 2 || all[0].Options.OneAddress().IPv6Addr.Equal(all[1].Options.OneAddress().IPv6Addr) {
		t.Errorf("%v", all)
	}
	if ia := all[0]; ia.T1 != 30*time.Minute || ia.T2 != 48*time.Minute {
		t.Errorf("T1 %v, T2 %v", ia.T1, ia.T2)
	}
	if st := m.Options.OneIATA().Options.Status(); st.StatusCode != iana.StatusNoAddrsAvail {
		t.Errorf("%v", st)
	}
	if st := m.Options.OneIAPD().Options.Status(); st.StatusCode != iana.StatusNoPrefixAvail {
		t.Errorf("%v", st)
	}
	for i := range byte(10) {
		k.iai = i + 10
		want := "ADVERTISE (NoAddrsAvail)"
		if i < DefaultMaxLeases-2 {
			want = "ADVERTISE " + netip.MustParseAddr("fd09::4").String()[:6] + string('4'+i) + "=1h0m0s"
		}
		if got := gist(k.say(dhcpv6.MessageTypeSolicit, nil)); got != want {
			t.Errorf("association %d: %s, want %s", i, got, want)
		}
	}
	k.s.cfg.OnLease = func(Lease, Event) error { return errors.New("disk full") }
	k.iai = 1
	if got := gist(k.say(dhcpv6.MessageTypeRenew, nil)); got != "REPLY (UnspecFail)" {
		t.Error(got)
	}
}
