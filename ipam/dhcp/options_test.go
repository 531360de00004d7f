package dhcp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vswitch/internal/frame"
)

// order lists the codes of a message's options as they stand there.
func order(payload []byte) (codes []int) {
	for b := payload[header4:]; len(b) > 1 && b[0] != 255; b = b[2+int(b[1]):] {
		codes = append(codes, int(b[0]))
	}
	return codes
}

// ask returns the raw message that answers a DISCOVER.
func ask(t *testing.T, s *Server, mods ...dhcpv4.Modifier) ([]byte, *dhcpv4.DHCPv4) {
	t.Helper()
	out, why := s.Serve4(start, 1, frame4(1, message4(1, dhcpv4.MessageTypeDiscover, mods...)))
	if why != frame.Consumed || len(out) != 1 {
		t.Fatalf("%d frames, %v", len(out), why)
	}
	a, m := reply4Of(t, out[0], s.cfg.MTU)
	return a.payload, m
}

// What is asked for comes in the order of asking, behind what every offer has, and
// each once.
func TestOrderOfOptions(t *testing.T) {
	for _, c := range []struct {
		asked []dhcpv4.OptionCode
		want  []int
	}{
		{nil, []int{53, 54, 51, 58, 59, 1, 3, 6, 15, 26, 28, 119}},
		{[]dhcpv4.OptionCode{dhcpv4.OptionInterfaceMTU, dhcpv4.OptionRouter, dhcpv4.OptionNTPServers, dhcpv4.OptionRouter, dhcpv4.OptionSubnetMask},
			[]int{53, 54, 51, 58, 59, 1, 26, 3}},
		{[]dhcpv4.OptionCode{dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionDomainName}, []int{53, 54, 51, 58, 59, 1, 15}},
	} {
		var mods []dhcpv4.Modifier
		if c.asked != nil {
			mods = append(mods, dhcpv4.WithOption(dhcpv4.OptParameterRequestList(c.asked...)))
		}
		b, _ := ask(t, newServer(t, config(t, 9)), mods...)
		if got := order(b); !slices.Equal(got, c.want) {
			t.Errorf("asked for %v: %v, want %v", c.asked, got, c.want)
		}
	}
}

func TestValuesOfOptions(t *testing.T) {
	cfg := config(t, 9)
	cfg.DNS = append(cfg.DNS, netip.MustParseAddr("10.9.0.53"))
	_, m := ask(t, newServer(t, cfg))
	got := fmt.Sprint(m.SubnetMask(), m.Router(), m.DNS(), m.DomainName(), m.DomainSearch().Labels, m.BroadcastAddress(),
		m.IPAddressLeaseTime(0), m.IPAddressRenewalTime(0), m.IPAddressRebindingTime(0))
	want := "ffffff00 [10.9.0.1] [10.9.0.1 10.9.0.53]net1.test[net1.test test] 10.9.0.255 1h0m0s 30m0s 52m30s"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	cfg = config(t, 9)
	cfg.Router, cfg.DNS, cfg.Domain, cfg.Search = netip.Addr{}, nil, "", nil
	b, _ := ask(t, newServer(t, cfg))
	if got := order(b); !slices.Equal(got, []int{53, 54, 51, 58, 59, 1, 26, 28}) {
		t.Errorf("an internal network: %v", got)
	}
}

// An answer is as long as the client takes and no longer; what does not fit is left
// out and the rest comes.
func TestLengthOfAnswers(t *testing.T) {
	cfg := config(t, 9)
	cfg.Domain = strings.Repeat("a.", 120) + "b"
	cfg.Search = []string{strings.Repeat("c.", 120) + "d"}
	s := newServer(t, cfg)
	b, _ := ask(t, s)
	if len(b) > minMessage4-28 || slices.Contains(order(b), 119) || !slices.Contains(order(b), 15) {
		t.Errorf("%d bytes, options %v", len(b), order(b))
	}
	b, m := ask(t, s, dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1000)))
	if !slices.Contains(order(b), 119) || len(m.DomainSearch().Labels) != 1 {
		t.Errorf("%d bytes, options %v", len(b), order(b))
	}
	id := bytes.Repeat([]byte{7}, 255)
	b, m = ask(t, s, dhcpv4.WithOption(dhcpv4.OptClientIdentifier(id)), dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1)))
	if len(b) > minMessage4-28 || !bytes.Equal(m.Options.Get(dhcpv4.OptionClientIdentifier), id) || m.IPAddressLeaseTime(0) == 0 {
		t.Errorf("%d bytes, options %v", len(b), order(b))
	}
}

// A long option comes in pieces (RFC 3396).
func TestLongOption(t *testing.T) {
	value := bytes.Repeat([]byte("0123456789"), 60)
	o := options4{room: 1000}
	o.add(dhcpv4.OptionDomainName, value)
	o.add(dhcpv4.OptionRapidCommit, nil)
	got := dhcpv4.Options{}
	if err := got.FromBytes(o.b); err != nil || !bytes.Equal(got.Get(dhcpv4.OptionDomainName), value) || !got.Has(dhcpv4.OptionRapidCommit) {
		t.Errorf("%v, %v", got, err)
	}
	small := options4{room: 10}
	small.add(dhcpv4.OptionDomainName, value)
	small.add(dhcpv4.OptionRouter, value[:8])
	if len(small.b) != 10 {
		t.Errorf("%d bytes in 10", len(small.b))
	}
}

func TestHostnames(t *testing.T) {
	for in, want := range map[string]string{
		"web": "web", "WEB.example.org": "web", "web\x00": "web", "a-1": "a-1", "1": "1",
		"": "", "-a": "", "a-": "", "a b": "", "a_b": "", "ü": "", ".web": "", strings.Repeat("x", 63): strings.Repeat("x", 63),
		strings.Repeat("x", 64): "", "a\n": "", "\x1b[31m": "",
	} {
		if got := cleanHostname(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
