package tap

import "vswitch/internal/netnsx"

// Probe opens a TAP device in a namespace of its own, which goes with it, and
// returns what the kernel grants. Errors are those of Open and of netnsx.New.
func Probe() (Offloads, error) {
	ns, err := netnsx.New()
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	d, err := Open(Config{NS: ns, Name: "probe0"})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	return d.Offloads(), nil
}
