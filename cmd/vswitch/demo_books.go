package main

import (
	"context"

	"vswitch/internal/api"
	"vswitch/internal/daemon"
	"vswitch/internal/frame"
)

// demoContainer is a container and the counters of its port. Lost are frames that
// the kernel dropped because the device's queue was full: the switch has not seen
// them.
type demoContainer struct {
	Name   string   `json:"name"`
	MAC    string   `json:"mac"`
	Addrs  []string `json:"addresses"`
	Port   int      `json:"port"`
	In     uint64   `json:"in_frames"`
	InB    uint64   `json:"in_bytes"`
	Out    uint64   `json:"out_frames"`
	OutB   uint64   `json:"out_bytes"`
	Drops  uint64   `json:"dropped"`
	Lost   uint64   `json:"lost_before"`
	Offers string   `json:"offloads"`
}

// demoStation is a line of the forwarding table.
type demoStation struct {
	MAC  string `json:"mac"`
	VLAN int    `json:"vlan"`
	Port int    `json:"port"`
	Age  int    `json:"age_s"`
}

// account shows the switch's own books.
func (d *demo) account(context.Context) error {
	t := d.site.settle()
	if err := d.ports(); err != nil {
		return err
	}
	if err := d.ledger(t); err != nil {
		return err
	}
	d.stations()
	return nil
}

// ports shows what crossed each port.
func (d *demo) ports() error {
	d.say("\nWhat crossed the switch, by its own counters (a super-frame counts once):\n\n")
	d.say("  %-4s  %-9s  %11s  %14s  %11s  %14s\n", "PORT", "CONTAINER", "IN FRAMES", "IN BYTES", "OUT FRAMES", "OUT BYTES")
	for _, m := range d.site.members {
		c, err := containerOf(m)
		if err != nil {
			return err
		}
		d.result.Containers = append(d.result.Containers, c)
		d.say("  %-4d  %-9s  %11d  %14d  %11d  %14d\n", c.Port, c.Name, c.In, c.InB, c.Out, c.OutB)
	}
	for _, c := range d.result.Containers {
		if c.Lost > 0 {
			d.say("\n  %s sent %s too fast: its device's queue was full", c.Name, plural(int(c.Lost), "more frame"))
		}
	}
	return nil
}

func containerOf(m *daemon.Member) (demoContainer, error) {
	t, lost, err := m.Totals()
	c := demoContainer{
		Name: m.Name(), MAC: m.MAC().String(), Port: int(m.Port()), Offers: m.Device().Offloads().String(),
		In: t.RxFrames, InB: t.RxBytes, Out: t.TxFrames, OutB: t.TxBytes, Drops: t.Dropped(), Lost: lost,
	}
	for _, a := range m.Addrs() {
		c.Addrs = append(c.Addrs, a.String())
	}
	return c, err
}

// ledger adds up: every frame that came in went somewhere.
func (d *demo) ledger(t frame.Totals) error {
	r := &d.result
	r.Frames, r.Copies, r.Sent = t.RxFrames, t.Copies, t.TxFrames
	r.Dropped, r.Consumed = t.Dropped(), t.Ends[frame.Consumed]
	r.Balanced, r.Copied = t.Balanced(), t.CopiedBytes
	d.say("\n  in %d + flood copies %d = out %d + dropped %d + consumed %d\n", r.Frames, r.Copies, r.Sent, r.Dropped, r.Consumed)
	for reason := frame.Consumed; reason < frame.Reasons; reason++ {
		if n := t.Ends[reason]; n > 0 {
			r.Ends[reason.String()] = n
			d.say("  %d %s: %s\n", n, reason, reason.Sentence())
		}
	}
	if !r.Balanced {
		return api.Errorf(api.ExpectationFailed, nil, "the switch's books do not add up").
			Because("in %d + flood copies %d is not out %d + dropped %d + consumed %d", r.Frames, r.Copies, r.Sent, r.Dropped, r.Consumed)
	}
	d.say("  Every frame is accounted for; payload bytes copied in userspace: %d\n", r.Copied)
	return nil
}

// stations shows the forwarding table.
func (d *demo) stations() {
	d.say("\nWho is behind which port, as the switch learned it:\n\n  %-17s  %4s  %4s  %s\n", "MAC", "VLAN", "PORT", "SEEN")
	for _, e := range d.site.node.FDB() {
		d.result.Stations = append(d.result.Stations, demoStation{e.MAC.String(), int(e.VID), int(e.Port), int(e.Age)})
		d.say("  %-17s  %4d  %4d  %d s ago\n", e.MAC, e.VID, e.Port, e.Age)
	}
}
