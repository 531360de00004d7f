package network

import (
	"slices"
	"strings"

	"vswitch/internal/api"
)

// Driver makes networks of one kind. A new kind is one file with one of these, and
// its place in drivers.
type Driver interface {
	// Name is what -d takes; Docker's name.
	Name() string
	// Scope is "local", or "global" for networks that reach other hosts.
	Scope() string
	// Check says what is wrong with a new network's record, and completes it: the
	// options that the driver knows are parsed, defaults filled in. It returns
	// warnings for people.
	Check(*Record) (warnings []string, err error)
	// Addressed reports whether its networks have subnets and endpoints with
	// addresses. One that is not is a word for something else than a network.
	Addressed() bool
	// Open starts a network that was checked. It is called again for each network
	// after a restart.
	Open(*Manager, *Network) (*Segment, error)
}

// drivers are all that there are, by name.
var drivers = []Driver{bridgeDriver{}, hostDriver{}, nullDriver{}}

// driverOf finds a driver; "" is bridge.
func driverOf(name string) (Driver, error) {
	if name == "" {
		name = "bridge"
	}
	var names []string
	for _, d := range drivers {
		if d.Name() == name {
			return d, nil
		}
		names = append(names, d.Name())
	}
	slices.Sort(names)
	err := api.Errorf(api.UnknownDriver, nil, "there is no network driver %q", name)
	if near := api.Nearest(name, names); near != "" {
		return nil, err.WithFix("did you mean:  -d %s", near)
	}
	return nil, err.WithFix("use one of:  -d %s", strings.Join(names, ", -d "))
}
