package network

// nullDriver is Docker's null, the driver of the network none: a namespace with its
// loopback and nothing else.
type nullDriver struct{}

func (nullDriver) Name() string    { return "null" }
func (nullDriver) Scope() string   { return "local" }
func (nullDriver) Addressed() bool { return false }

func (nullDriver) Check(r *Record) ([]string, error) { return nil, onlyOnce(r) }

func (nullDriver) Open(*Manager, *Network) (*Segment, error) { return nil, nil }
