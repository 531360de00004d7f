package nat

import "fmt"

// Personality is how a table maps endpoints and whom it lets in: the mapping and
// filtering behaviours of RFC 4787, sections 4 and 5, under the names that people know
// them by.
type Personality uint8

// The personalities. All but Symmetric give an inside endpoint one outer endpoint,
// whomever it talks to (endpoint-independent mapping).
const (
	// FullCone lets everybody in to an outer endpoint that is mapped
	// (endpoint-independent filtering).
	FullCone Personality = iota
	// Restricted lets in from the addresses that the inside endpoint has sent to
	// (address-dependent filtering).
	Restricted
	// PortRestricted lets in from the endpoints that the inside endpoint has sent to
	// (address and port-dependent filtering).
	PortRestricted
	// Symmetric maps anew for each remote endpoint and lets in from that one only
	// (address and port-dependent mapping and filtering). Outer ports are shared, so
	// that it has room for more flows than there are ports.
	Symmetric

	personalities
)

var personalityNames = [personalities]string{"full-cone", "restricted", "port-restricted", "symmetric"}

// ParsePersonality returns the personality with the name that String gives it.
func ParsePersonality(s string) (Personality, error) {
	for p, name := range personalityNames {
		if s == name {
			return Personality(p), nil
		}
	}
	return 0, fmt.Errorf("nat: %q is no personality: it is one of %q", s, personalityNames)
}

// String returns the personality's name.
func (p Personality) String() string {
	if p < personalities {
		return personalityNames[p]
	}
	return "invalid"
}
