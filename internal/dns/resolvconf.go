package dns

import (
	"net/netip"
	"strings"
)

// ResolvConf is what a resolv.conf says, see resolv.conf(5).
type ResolvConf struct {
	// Servers are the name servers, in order; never empty: a file without any means
	// the machine itself.
	Servers []netip.AddrPort
	// Search are the domains that are tried behind a short name.
	Search []string
	// Options are words such as "ndots:1".
	Options []string
}

// localServer is whom the C library asks when it is told nobody.
var localServer = netip.MustParseAddrPort("127.0.0.1:53")

// ParseResolvConf reads a resolv.conf as the C library does: what it does not
// understand is passed over, the last of "search" and "domain" counts, and options
// add up.
func ParseResolvConf(text string) ResolvConf {
	var c ResolvConf
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || line[0] == '#' || line[0] == ';' {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil {
				c.Servers = append(c.Servers, netip.AddrPortFrom(a.Unmap(), 53))
			}
		case "domain":
			c.Search = f[1:2]
		case "search":
			c.Search = f[1:]
		case "options":
			c.Options = append(c.Options, f[1:]...)
		}
	}
	if len(c.Servers) == 0 {
		c.Servers = []netip.AddrPort{localServer}
	}
	return c
}
