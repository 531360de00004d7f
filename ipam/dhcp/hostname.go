package dhcp

import "strings"

// cleanHostname returns the first label of a name that a client gave, in lower
// case, or nothing where that is not a host name (RFC 1123, section 2.1): it becomes
// a name in DNS and a word on terminals.
func cleanHostname(name string) string {
	label, _, _ := strings.Cut(strings.TrimRight(name, "\x00"), ".")
	if badLabel(label) {
		return ""
	}
	return strings.ToLower(label)
}

// badLabel reports whether s is not a label of letters, digits and inner hyphens.
func badLabel(s string) bool {
	if len(s) < 1 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return true
	}
	return strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// badDomain reports whether s is not a sequence of labels. Underscores are taken,
// which are not for hosts but occur in names of networks.
func badDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if badLabel(strings.ReplaceAll(label, "_", "a")) {
			return true
		}
	}
	return false
}

// firstLabel returns the first label of a name in wire format (RFC 1035, section
// 3.1); empty where it is cut off or compressed.
func firstLabel(b []byte) string {
	if len(b) < 1 || b[0] > 63 || int(b[0]) > len(b)-1 {
		return ""
	}
	return string(b[1 : 1+b[0]])
}
