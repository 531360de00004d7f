package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Host is a line of /etc/hosts: an address and the names it has, the first of them
// the canonical one. See hosts(5).
type Host struct {
	Addr  netip.Addr
	Names []string
}

// Resolv is /etc/resolv.conf, see resolv.conf(5). The C library asks the first
// three servers only.
type Resolv struct {
	Servers []netip.Addr
	// Search is the list of domains that are tried behind a short name.
	Search []string
	// Options are words such as "ndots:1".
	Options []string
}

// localHosts stand first in every /etc/hosts.
var localHosts = []Host{
	{netip.MustParseAddr("127.0.0.1"), []string{"localhost"}},
	{netip.MustParseAddr("::1"), []string{"localhost", "ip6-localhost", "ip6-loopback"}},
}

// hostsText returns the lines of /etc/hosts, the loopback names first.
func hostsText(hosts []Host) (string, error) {
	return hostsLines(append(slices.Clone(localHosts), hosts...))
}

func hostsLines(hosts []Host) (string, error) {
	var b strings.Builder
	for _, h := range hosts {
		if !h.Addr.IsValid() || len(h.Names) == 0 {
			return "", fmt.Errorf("sandbox: hosts entry %v %q: an address and a name are needed", h.Addr, h.Names)
		}
		if err := writeLine(&b, validName, h.Addr.String(), h.Names...); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// addToHosts returns the host's own /etc/hosts, which may be missing, with lines
// added.
func addToHosts(hosts []Host) (string, error) {
	b, err := os.ReadFile("/etc/hosts")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("sandbox: read the host's names: %w", err)
	}
	text := string(b)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	added, err := hostsLines(hosts)
	return text + added, err
}

// text returns the lines of the file.
func (r Resolv) text() (string, error) {
	var b strings.Builder
	for _, s := range r.Servers {
		if !s.IsValid() {
			return "", fmt.Errorf("sandbox: name server without an address")
		}
		if err := writeLine(&b, validWord, "nameserver", s.String()); err != nil {
			return "", err
		}
	}
	if len(r.Search) > 0 {
		if err := writeLine(&b, validName, "search", r.Search...); err != nil {
			return "", err
		}
	}
	if len(r.Options) > 0 {
		if err := writeLine(&b, validWord, "options", r.Options...); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// writeLine writes a key and its words, each of which must be valid.
func writeLine(b *strings.Builder, valid func(string) bool, key string, words ...string) error {
	if !validWord(key) {
		return fmt.Errorf("sandbox: %q cannot stand in a file of names", key)
	}
	b.WriteString(key)
	for _, w := range words {
		if !valid(w) {
			return fmt.Errorf("sandbox: %q cannot stand in the line of %s", w, key)
		}
		b.WriteByte(' ')
		b.WriteString(w)
	}
	b.WriteByte('\n')
	return nil
}

// validName accepts what may be a domain name or a part of it.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 253
}

// validWord accepts what cannot end a word, a line or begin a comment.
func validWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '#' || c == ';' {
			return false
		}
	}
	return s != ""
}

// hostNameMax is HOST_NAME_MAX of limits.h, in bytes.
const hostNameMax = 64

func checkHostname(s string) error {
	if !validName(s) || len(s) > hostNameMax {
		return fmt.Errorf("sandbox: %q is not a host name: letters, digits, dots and dashes, at most %d", s, hostNameMax)
	}
	return nil
}
