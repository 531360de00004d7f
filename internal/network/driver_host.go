package network

import "vswitch/internal/api"

// hostDriver is Docker's host: the container keeps the host's own interfaces.
// There is one such network, and no switch in it.
type hostDriver struct{}

func (hostDriver) Name() string    { return "host" }
func (hostDriver) Scope() string   { return "local" }
func (hostDriver) Addressed() bool { return false }

func (hostDriver) Check(r *Record) ([]string, error) { return nil, onlyOnce(r) }

func (hostDriver) Open(*Manager, *Network) (*Segment, error) { return nil, nil }

// onlyOnce refuses a second network of a kind that is there from the start.
func onlyOnce(r *Record) error {
	if r.Predefined {
		return nil
	}
	return api.Errorf(api.Predefined, nil, "cannot create network %q", r.Name).
		Because("there is one network with the driver %s, made at the first start", r.Driver)
}
