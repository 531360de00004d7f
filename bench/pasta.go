package bench

import (
	"context"
	"errors"
	"strconv"
)

// Pasta is the way out of and into a guest by pasta (https://passt.top).
type Pasta struct {
	guest
	// spliced has the guest's port called at the host's loopback address, which
	// pasta then joins to the guest's loopback address, past the device.
	spliced bool
}

// NewPasta returns a runner; see NewKernel for the rights.
func NewPasta(o PeerOptions) *Pasta { return &Pasta{guest: guest{PeerOptions: o}} }

// NewPastaSpliced returns one for the host's loopback address.
func NewPastaSpliced(o PeerOptions) *Pasta {
	o.Inward = true
	return &Pasta{guest: guest{PeerOptions: o}, spliced: true}
}

// Start implements Runner.
func (p *Pasta) Start(ctx context.Context) ([]Station, error) {
	err := p.prepare()
	if err == nil {
		err = p.run(ctx, p.args()...)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	st := p.stations(guestAddr)
	if p.spliced {
		st[1].Addr4, st[1].Reach = loopAddr, loopAddr
	}
	return st, nil
}

func (p *Pasta) args() []string {
	ports := "none"
	if p.Inward {
		ports = strconv.Itoa(publishedPort)
	}
	return []string{
		"-f", "-q", "-4", "--config-net", "--netns-only", "--runas", "0", "-I", guestLink, "-i", hostLink,
		"-a", guestAddr.String(), "-n", "24", "-g", hostGateway.String(), "-m", strconv.Itoa(p.MTU),
		"-t", ports, "-u", ports, "-T", "none", "-U", "none", "--netns", p.mounted(),
	}
}

// Counters implements Runner.
func (p *Pasta) Counters() (Counters, error) {
	if !p.spliced {
		return p.guest.Counters()
	}
	c := Counters{Source: "received by the guest's loopback device"}
	return c, c.addLink(p.inside.nl, loopLink)
}
