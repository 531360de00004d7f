package network

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"

	"vswitch/internal/api"
	"vswitch/internal/frame"
)

// newID makes an object's ID: 64 hexadecimal digits, as Docker has them. One whose
// first twelve digits are all decimal would be taken for a number by programs that
// use it as a host name; it is not given out.
func newID() string {
	for {
		var b [32]byte
		rand.Read(b[:]) // never fails
		id := hex.EncodeToString(b[:])
		if !decimal.MatchString(id[:12]) {
			return id
		}
	}
}

var (
	decimal = regexp.MustCompile(`^[0-9]+$`)
	// names are Docker's: what is also a host name, a file name and an argument.
	names = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)
	// domains and resolvWords are what may stand in /etc/resolv.conf.
	domains     = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,253}$`)
	resolvWords = regexp.MustCompile(`^[!"$-:<-~]{1,253}$`)
)

func validName(s string) bool { return names.MatchString(s) }

func badName(kind, name string) error {
	return api.Errorf(api.InvalidValue, nil, "%q cannot be the name of a %s", name, kind).
		Because("a name has up to 63 letters, digits, dots, dashes and underscores, and begins with a letter or digit")
}

// The words of names that nobody chose: a quality and a thing of the network.
var (
	qualities = []string{"amber", "brisk", "calm", "clear", "eager", "fair", "fleet", "gentle", "keen", "light",
		"merry", "nimble", "plain", "quick", "quiet", "ready", "sharp", "steady", "swift", "warm"}
	things = []string{"anchor", "beacon", "bridge", "cable", "cell", "cursor", "frame", "gate", "hub", "lantern",
		"ledger", "link", "mast", "packet", "port", "relay", "signal", "socket", "switch", "token"}
)

// anyName makes a name that taken does not have.
func anyName(taken func(string) bool) string {
	for {
		var b [4]byte
		rand.Read(b[:])
		name := qualities[int(b[0])%len(qualities)] + "-" + things[int(b[1])%len(things)]
		if taken(name) {
			name += "-" + hex.EncodeToString(b[2:])
		}
		if !taken(name) {
			return name
		}
	}
}

// RandomMAC makes a locally administered address.
func RandomMAC() frame.MAC { return 0x02<<40 | frame.MAC(randomWord()&(1<<40-1)) }

// sortedKeys returns the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
