package network

import "vswitch/internal/api"

// bridgeDriver is Docker's bridge: a switch of its own for each network, with a
// gateway that answers on it.
type bridgeDriver struct{}

func (bridgeDriver) Name() string    { return "bridge" }
func (bridgeDriver) Scope() string   { return "local" }
func (bridgeDriver) Addressed() bool { return true }

func (bridgeDriver) Check(r *Record) (warnings []string, err error) {
	o, err := readOptions(r.Options)
	if err != nil {
		return nil, err
	}
	if o.isolatedMode() && !r.Internal {
		return nil, api.Errorf(api.InvalidValue, nil, "cannot create network %q", r.Name).
			Because("the gateway mode isolated is for internal networks only").WithFix("add:  --internal")
	}
	if r.EnableIPv6 && o.mtu < leastMTU6 {
		return nil, api.Errorf(api.InvalidValue, nil, "cannot create network %q", r.Name).
			Because("IPv6 needs an MTU of %d bytes or more, not %d", leastMTU6, o.mtu)
	}
	for _, key := range sortedKeys(r.Options) {
		if !knownOption(key) {
			warnings = append(warnings, "option "+key+" is kept, and has no effect on a bridge network")
		}
	}
	return warnings, nil
}

func (bridgeDriver) Open(m *Manager, n *Network) (*Segment, error) { return m.openSegment(n) }
