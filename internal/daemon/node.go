package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/network"
	vswitch "vswitch/switch"
)

// Config says how a node runs. The zero value means the defaults of the engine
// and the switch.
type Config struct {
	IO       string
	Workers  int
	Spin     time.Duration
	FDBLimit int
	Age      int
	// Log is told about ports that fail; default: nobody.
	Log *slog.Logger
}

// Node is one switch with its containers, without networks, addresses or names of
// its own: what demo, doctor and the tests of the data path run. Its methods may be
// called from any goroutine.
type Node struct {
	log    *slog.Logger
	fabric *network.Fabric
	sw     *vswitch.Switch

	closing  sync.Once
	closeErr error

	mu      sync.Mutex
	closed  bool
	members map[string]*Member
}

// New starts a node without containers.
func New(cfg Config) (*Node, error) {
	n := &Node{log: cfg.Log, members: map[string]*Member{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	var err error
	n.fabric, err = network.NewFabric(network.FabricConfig{IO: cfg.IO, Workers: cfg.Workers, Spin: cfg.Spin, Log: n.log})
	if err != nil {
		return nil, err
	}
	n.sw = n.fabric.NewSwitch(vswitch.Config{FDBLimit: cfg.FDBLimit, Age: cfg.Age})
	return n, nil
}

// Switch returns the node's switch.
func (n *Node) Switch() *vswitch.Switch { return n.sw }

// FDB lists the stations that the switch knows now.
func (n *Node) FDB() []vswitch.Entry { return n.sw.FDB(n.fabric.Clock()) }

// Loop returns the I/O loop in use, and why it is not io_uring if that was left
// open and could not be had.
func (n *Node) Loop() (string, error) { return n.fabric.Loop() }

// Workers returns what each worker did so far.
func (n *Node) Workers() []engine.WorkerStats { return n.fabric.Workers() }

// Totals returns the counts over all ports, also of those that left.
func (n *Node) Totals() frame.Totals { return n.fabric.Totals() }

// Close makes all containers leave and ends the workers. Every other Close waits
// for the first and returns what it did.
func (n *Node) Close() error {
	n.closing.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Node) close() error {
	n.mu.Lock()
	n.closed = true
	members := n.members
	n.members = nil
	n.mu.Unlock()
	var errs []error
	for _, m := range members {
		errs = append(errs, m.close())
	}
	errs = append(errs, n.fabric.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the switch: %w", err)
	}
	return nil
}
