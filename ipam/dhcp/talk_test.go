package dhcp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vswitch/internal/frame"
)

// A conversation is written a line a message, in the words of RFC 2131:
//
//	a: DISCOVER req=10.9.0.7 -> OFFER 10.9.0.7
//
// is a message of station a, with a requested address, and the answer that must come;
// "-" is none. The fields of a message are
//
//	req=ADDR  requested address     ci=ADDR   the client's own (ciaddr)
//	sid=me    server identifier     lease=SEC lease time that it asks for
//	id=HEX    client identifier     host=NAME host name
//	bcast     the broadcast flag    rapid     rapid commit
//	port=N    comes in by port N
//
// and those of an answer
//
//	ADDR      the address given     to=ADDR   where the packet goes
//	all       it goes to everybody  lease=SEC the lease time
//	why=NAME  how the request ends, where that is not "consumed"
//
// "+30m" lets time pass; "a: gone" ends the port of a; "probe ADDR free -> ..." and
// "probe ADDR taken -> ..." hand in the result of a probe; "used ADDR MAC-OF" has InUse
// know a station.
type talk struct {
	t     *testing.T
	s     *Server
	now   time.Time
	users map[netip.Addr]frame.MAC
	asked map[netip.Addr]bool // by Probe
	saves error
}

func newTalk(t *testing.T, cfg Config) *talk {
	k := &talk{t: t, now: start, users: map[netip.Addr]frame.MAC{}, asked: map[netip.Addr]bool{}}
	cfg.InUse = func(a netip.Addr, asker frame.MAC) bool {
		mac, ok := k.users[a]
		return ok && mac != asker
	}
	if cfg.Probe == nil {
		cfg.Probe = func(a netip.Addr, _ frame.MAC) bool { k.asked[a] = true; return true }
	}
	if cfg.OnLease == nil {
		cfg.OnLease = func(Lease, Event) error { return k.saves }
	}
	k.s = newServer(t, cfg)
	return k
}

// run holds a conversation.
func (k *talk) run(script string) {
	k.t.Helper()
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" {
			k.line(line)
		}
	}
}

func (k *talk) line(line string) {
	k.t.Helper()
	said, want, _ := strings.Cut(line, " -> ")
	words := strings.Fields(said)
	var got string
	switch {
	case strings.HasPrefix(said, "+"):
		d, err := time.ParseDuration(said[1:])
		if err != nil {
			k.t.Fatal(line, err)
		}
		k.now = k.now.Add(d)
		return
	case words[0] == "used":
		k.users[netip.MustParseAddr(words[1])] = macOf(station(words[2]))
		return
	case words[0] == "probe":
		got = k.probe(netip.MustParseAddr(words[1]), words[2] == "taken")
	case words[1] == "gone":
		k.s.ReleasePort(k.now, frame.PortID(station(words[0])))
		return
	default:
		got = k.say(station(words[0]), words[1], words[2:], want)
	}
	if got != want {
		k.t.Fatalf("%s\nanswered %q", line, got)
	}
}

// station is the number of a name: a is 1.
func station(name string) int { return int(name[0]-'a') + 1 }

func (k *talk) probe(a netip.Addr, taken bool) string {
	if !k.asked[a] {
		k.t.Fatalf("%v was not probed", a)
	}
	delete(k.asked, a)
	_, out := k.s.Probed(k.now, a, taken)
	return k.describe(out, frame.Consumed, "KIND ADDR", nil)
}

var kinds = map[string]dhcpv4.MessageType{
	"DISCOVER": dhcpv4.MessageTypeDiscover, "REQUEST": dhcpv4.MessageTypeRequest, "DECLINE": dhcpv4.MessageTypeDecline,
	"RELEASE": dhcpv4.MessageTypeRelease, "INFORM": dhcpv4.MessageTypeInform,
}

func (k *talk) say(n int, kind string, fields []string, want string) string {
	m, port := message4(n, kinds[kind]), n
	for _, f := range fields {
		name, v, _ := strings.Cut(f, "=")
		if name == "port" {
			port, _ = strconv.Atoi(v)
		} else {
			k.field(m, name, v)
		}
	}
	b := frame4(n, m)
	out, why := k.s.Serve4(k.now, frame.PortID(port), b)
	return k.describe(out, why, want, m)
}

func (k *talk) field(m *dhcpv4.DHCPv4, name, v string) {
	switch name {
	case "req":
		m.UpdateOption(dhcpv4.OptRequestedIPAddress(netip.MustParseAddr(v).AsSlice()))
	case "ci":
		m.ClientIPAddr = netip.MustParseAddr(v).AsSlice()
	case "sid":
		if v == "me" {
			v = gateway.String()
		}
		m.UpdateOption(dhcpv4.OptServerIdentifier(netip.MustParseAddr(v).AsSlice()))
	case "lease":
		sec, _ := strconv.Atoi(v)
		m.UpdateOption(dhcpv4.OptIPAddressLeaseTime(time.Duration(sec) * time.Second))
	case "id":
		m.UpdateOption(dhcpv4.OptClientIdentifier([]byte(v)))
	case "host":
		m.UpdateOption(dhcpv4.OptHostName(v))
	case "bcast":
		m.SetBroadcast()
	case "rapid":
		m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRapidCommit, nil))
	default:
		k.t.Fatalf("unknown field %q", name)
	}
}

// describe writes an answer as scripts do, with as many fields as want has.
func (k *talk) describe(out [][]byte, why frame.Reason, want string, asked *dhcpv4.DHCPv4) string {
	k.t.Helper()
	if len(out) == 0 {
		if why != frame.Consumed {
			return "why=" + why.String()
		}
		return "-"
	}
	a, m := reply4Of(k.t, out[0], k.s.cfg.MTU)
	k.mustFit(asked, a, m)
	words := []string{m.MessageType().String()}
	for i, w := range strings.Fields(want) {
		switch name, _, _ := strings.Cut(w, "="); {
		case i == 0:
		case name == "to":
			words = append(words, "to="+a.dst.String())
		case name == "all" && a.mac == frame.Broadcast && a.dst == broadcast4:
			words = append(words, "all")
		case name == "lease":
			words = append(words, fmt.Sprintf("lease=%d", m.IPAddressLeaseTime(0)/time.Second))
		case name == "all":
		default:
			words = append(words, m.YourIPAddr.String())
		}
	}
	if k.t.Failed() {
		k.t.FailNow()
	}
	return strings.Join(words, " ")
}

// mustFit checks what holds for every answer.
func (k *talk) mustFit(asked *dhcpv4.DHCPv4, a answer, m *dhcpv4.DHCPv4) {
	k.t.Helper()
	if sid := addr4(m.ServerIdentifier()); sid != gateway {
		k.t.Errorf("server identifier %v", sid)
	}
	if kind := m.MessageType(); kind != dhcpv4.MessageTypeNak && a.mac != frame.Broadcast && a.mac != frame.MACFrom(m.ClientHWAddr) {
		k.t.Errorf("%v goes to %v", kind, a.mac)
	}
	if asked == nil {
		return
	}
	if m.TransactionID != asked.TransactionID || m.ClientHWAddr.String() != asked.ClientHWAddr.String() || m.Flags != asked.Flags {
		k.t.Errorf("the answer is to another message: %v", m)
	}
	if id := dhcpv4.OptionClientIdentifier; string(m.Options.Get(id)) != string(asked.Options.Get(id)) {
		k.t.Errorf("client identifier %x", m.Options.Get(id))
	}
}
