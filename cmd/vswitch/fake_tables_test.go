package main

import (
	"context"
	"time"

	"vswitch/internal/api"
)

// The tables of the fake switch: a few rows on lan, none elsewhere.

// rowsOf are the rows for a network; the network must exist.
func rowsOf[T any](f *fakeSwitch, network string, rows ...T) ([]T, error) {
	if !f.up {
		return nil, errDown
	}
	if network == "" || network == "lan" {
		return rows, nil
	}
	_, err := lookUp(f, f.networks, "network", network)
	return nil, err
}

func (f *fakeSwitch) FDB(_ context.Context, network string) ([]api.Station, error) {
	return rowsOf(f, network,
		api.Station{Network: "lan", MAC: "02:42:0a:05:00:01", Port: 0, Static: true},
		api.Station{Network: "lan", MAC: "02:42:0a:05:00:02", VLAN: 7, Port: 1, Container: "web", Age: 12})
}

func (f *fakeSwitch) Neighbours(_ context.Context, network string) ([]api.Neighbour, error) {
	return rowsOf(f, network,
		api.Neighbour{Network: "lan", Address: "10.5.0.1", MAC: "02:42:0a:05:00:01", Origin: "gateway"},
		api.Neighbour{Network: "lan", Address: "10.5.0.2", MAC: "02:42:0a:05:00:02", Container: "web", Origin: "endpoint"})
}

func (f *fakeSwitch) Leases(_ context.Context, network string) ([]api.Lease, error) {
	return rowsOf(f, network, api.Lease{
		Network: "lan", Address: "10.5.0.9", MAC: "02:42:0a:05:00:09", Hostname: "phone", State: "bound",
		Expires: testTime.Add(59 * time.Minute),
	})
}

func (f *fakeSwitch) Names(_ context.Context, network string) ([]api.Name, error) {
	return rowsOf(f, network, api.Name{Network: "lan", Name: "web", Container: "web", Addresses: []string{"10.5.0.2", "fd00:5::2"}})
}

func (f *fakeSwitch) Routes(_ context.Context, network string) ([]api.Route, error) {
	return rowsOf(f, network,
		api.Route{Of: "lan", Kind: "network", Dst: "10.5.0.0/16", Device: "lan"},
		api.Route{Of: "web", Kind: "container", Dst: "default", Gateway: "10.5.0.1", Device: "eth0"})
}

func (f *fakeSwitch) Stats(context.Context) (api.Stats, error) {
	web := api.PortStats{
		Port: 1, Name: "web/eth0", Network: "lan", Container: "web", RxFrames: 1234567, RxBytes: 987654321, TxFrames: 12, TxBytes: 999,
		RingDrops: 2, Ends: map[string]uint64{"consumed": 5, "spoofed-mac": 3, "runt": 9},
	}
	db := api.PortStats{Port: 2, Name: "db/eth0", Network: "lan", Container: "db", Ends: map[string]uint64{}}
	return api.Stats{Schema: api.Schema("stats"), Ports: []api.PortStats{web, db}, Total: web, Balanced: true}, nil
}

func (f *fakeSwitch) Ping(_ context.Context, p api.Ping) (api.Pong, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.request = p
	pong := api.Pong{Schema: api.Schema("ping"), From: p.From, To: p.To, Sent: p.Count}
	c, err := lookUp(f, f.containers, "container", p.To)
	if err != nil {
		return pong, err
	}
	pong.Address = bare(c.VSwitch.Addresses[0])
	if f.reaches(p.From, p.To) {
		pong.Received, pong.Times = p.Count, []int{41, 61}
	}
	return pong, nil
}

func (f *fakeSwitch) Iperf(_ context.Context, i api.Iperf) (api.IperfResult, error) {
	f.request = i
	if _, err := lookUp(f, f.containers, "container", i.To); err != nil {
		return api.IperfResult{}, err
	}
	return api.IperfResult{
		Schema: api.Schema("iperf"), From: i.From, To: i.To, Address: "10.5.0.3", Seconds: i.Seconds,
		Sent: 9.5e9, Received: 9.41e9, Retransmits: 1, LostPercent: 0.25, JitterMs: 0.012,
	}, nil
}
