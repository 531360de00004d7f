package dns

import (
	"bytes"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vswitch/internal/sandbox"
)

// dig asks a server and returns all that dig prints.
func dig(t *testing.T, at netip.AddrPort, args ...string) string {
	t.Helper()
	args = append([]string{"@" + at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "+tries=1", "+timeout=30"}, args...)
	out, err := exec.Command("dig", args...).CombinedOutput()
	if err != nil {
		t.Errorf("dig %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// A real client understands us, by either transport.
func TestDig(t *testing.T) {
	z := testZone()
	for _, r := range crowd(100).List() {
		z.Set(r)
	}
	others := []netip.AddrPort{startUpstream(t)}
	s := New(Config{Zone: z, Upstreams: func() []netip.AddrPort { return others }})
	at, stop := serving(t, s, onBoth)
	defer stop()
	for _, c := range []struct {
		args string
		want []string // patterns
	}{
		{"web", []string{"status: NOERROR", "flags: qr rd ra;", `web\.\s+600\s+IN\s+A\s+10\.1\.0\.2`, "udp: 1232"}},
		{"WeB.NeT1 AAAA", []string{`WeB\.NeT1\.\s+600\s+IN\s+AAAA\s+fd01::2`}},
		{"+tcp web", []string{`A\s+10\.1\.0\.2`, `\(TCP\)`}},
		{"+tcp +keepopen web db", []string{`A\s+10\.1\.0\.2`, `A\s+10\.1\.0\.3`}},
		{"+noedns web", []string{`A\s+10\.1\.0\.2`, "ADDITIONAL: 0"}},
		{"+dnssec web", []string{"EDNS: version: 0, flags: do; udp: 1232"}},
		{"+edns=1 +noednsneg web", []string{"status: BADVERS"}},
		{"+opcode=notify web", []string{"status: NOTIMP"}},
		{"-c CH -t TXT version.bind", []string{"status: REFUSED"}},
		{"db AAAA", []string{"status: NOERROR", "ANSWER: 0"}},
		{"web MX", []string{"status: NOERROR", "ANSWER: 0"}},
		{"-x 10.1.0.2", []string{`PTR\s+web\.net1\.`}},
		{"-x fd01::2", []string{`PTR\s+web\.net1\.`}},
		{"+ignore +noedns all", []string{"flags: qr tc rd ra", "ANSWER: 30,"}},
		{"+ignore +bufsize=600 all", []string{"flags: qr tc rd ra", "ANSWER: 35,"}},
		{"+bufsize=600 all", []string{"Truncated, retrying in TCP mode", "flags: qr rd ra;", "ANSWER: 100,"}},
		{"+ignore example.org", []string{"flags: qr tc rd ra", `A\s+192\.0\.2\.1`}},
		{"example.org", []string{"retrying in TCP mode", `A\s+192\.0\.2\.2`}},
		{"+tcp example.org", []string{`A\s+192\.0\.2\.2`}},
	} {
		got := dig(t, at, strings.Fields(c.args)...)
		for _, want := range c.want {
			if !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("dig %s: no %s in\n%s", c.args, want, got)
			}
		}
		if strings.Contains(strings.ToLower(got), "warning") || strings.Contains(got, "malformed") {
			t.Errorf("dig %s:\n%s", c.args, got)
		}
	}
}

// The C library in a container finds names at 127.0.0.11.
func TestInContainer(t *testing.T) {
	box, err := sandbox.Create(sandbox.Config{Name: "web", Resolv: sandbox.Resolv{
		Servers: []netip.Addr{Embedded}, Options: []string{"ndots:0"},
	}})
	if err != nil {
		t.Skip("NEEDS-ROOT: no namespaces here:", err)
	}
	defer box.Close()
	var c net.PacketConn
	var l net.Listener
	must(t, box.Do(func() (err error) {
		at := netip.AddrPortFrom(Embedded, 53).String()
		if c, err = net.ListenPacket("udp4", at); err == nil {
			l, err = net.Listen("tcp4", at)
		}
		return err
	}))
	z := testZone()
	for _, r := range crowd(100).List() {
		z.Set(r)
	}
	s := New(Config{Zone: z})
	v := onBoth
	v.Internal = true
	ends := make(chan error, 2)
	go func() { ends <- s.ServePacket(func() View { return v }, c) }()
	go func() { ends <- s.ServeStream(func(netip.AddrPort) (View, bool) { return v, true }, l) }()
	for _, q := range []struct {
		args string
		code int
		want string
	}{
		{"hosts web", 0, "fd01::2 "},
		{"hosts db.NET1", 0, "10.1.0.3 "},
		{"ahosts Store", 0, "10.1.0.5 "},
		{"hosts 10.1.0.2", 0, "web.net1"},
		{"hosts fd01::4", 0, "six.net1"},
		{"ahosts all", 0, "10.9.0.99 "}, // by TCP: a hundred do not fit
		{"hosts nobody.example", 2, ""},
	} {
		var out bytes.Buffer
		p, err := box.Command(t.Context(), sandbox.Cmd{Args: append([]string{"getent"}, strings.Fields(q.args)...), Stdout: &out})
		must(t, err)
		code, err := p.Wait()
		if err != nil || code != q.code || !strings.Contains(out.String(), q.want) {
			t.Errorf("getent %s: exit code %d, %v\n%s", q.args, code, err, out.String())
		}
	}
	c.Close()
	l.Close()
	for range 2 {
		must(t, <-ends)
	}
	if st := s.Stats(); st.Failed == 0 || st.Answered == 0 || st.Truncated == 0 || st.Forwarded != 0 {
		t.Errorf("%+v", st)
	}
}
