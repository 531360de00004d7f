package daemon

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	vswitch "vswitch/switch"
)

// experiment is the EtherType of testnet.Ether.
var experiment = []byte{0x88, 0xb5}

// behindAddresses is what a frame of testnet.Ether or Tagged has there.
func behindAddresses(vid uint16) []byte {
	if vid == 0 {
		return experiment
	}
	return append([]byte{0x81, 0x00, byte(vid >> 8), byte(vid)}, experiment...)
}

// vlanStations: two access ports of VLAN 10, one of 20, one of 30, a trunk of 10
// and 20 whose native VLAN is 30, and a trunk of 10 and 20 without one.
func vlanStations(r *rig) map[string]*station {
	s := map[string]*station{}
	for i, m := range []struct {
		name string
		cfg  vswitch.VLANConfig
	}{
		{"ten", vswitch.VLANConfig{Access: 10}},
		{"ten2", vswitch.VLANConfig{Access: 10}},
		{"twenty", vswitch.VLANConfig{Access: 20}},
		{"thirty", vswitch.VLANConfig{Access: 30}},
		{"native", vswitch.VLANConfig{Trunk: []uint16{10, 20}, Native: 30}},
		{"strict", vswitch.VLANConfig{Trunk: []uint16{10, 20}}},
	} {
		s[m.name] = r.join(m.name, i+1, vlan(m.cfg))
	}
	return s
}

// Every frame of a port reaches the ports of its VLAN, each in the form that the
// port speaks, and no other.
func TestVLANs(t *testing.T) {
	tests := []struct {
		from  string
		tag   uint16            // that the frame is sent with
		forms map[string]uint16 // who receives it with which tag
	}{
		{"ten", 0, map[string]uint16{"ten2": 0, "native": 10, "strict": 10}},
		{"twenty", 0, map[string]uint16{"native": 20, "strict": 20}},
		{"thirty", 0, map[string]uint16{"native": 0}},
		{"native", 0, map[string]uint16{"thirty": 0}},
		{"native", 10, map[string]uint16{"ten": 0, "ten2": 0, "strict": 10}},
		{"native", 20, map[string]uint16{"twenty": 0, "strict": 20}},
		{"native", 30, map[string]uint16{"thirty": 0}},
		{"strict", 10, map[string]uint16{"ten": 0, "ten2": 0, "native": 10}},
		{"strict", 20, map[string]uint16{"twenty": 0, "native": 20}},
	}
	eachLoop(t, func(t *testing.T, r *rig) {
		stations := vlanStations(r)
		raw := map[string]*testnet.Raw{}
		for name, s := range stations {
			raw[name] = s.Raw(t)
		}
		for i, tt := range tests {
			from := stations[tt.from]
			b := testnet.Ether(frame.Broadcast, from.host().MAC, payload(i))
			if tt.tag != 0 {
				b = testnet.Tagged(frame.Broadcast, from.host().MAC, payload(i), tt.tag)
			}
			raw[tt.from].Send(t, b)
			if !testnet.Eventually(func() bool { return broadcasts(r) == uint64(i+1) }) {
				t.Errorf("frame %d was not forwarded", i)
			}
		}
		r.rest()
		for name, s := range stations {
			expectForms(t, r, s, raw[name], func(i int) (uint16, bool) {
				vid, ok := tests[i].forms[name]
				return vid, ok
			}, len(tests))
		}
	})
}

// broadcasts counts them over all ports.
func broadcasts(r *rig) (n uint64) {
	for _, id := range r.Switch().Ports() {
		kinds, _ := r.Switch().Kinds(id)
		n += kinds.Broadcast
	}
	return n
}

// payload makes test i's frame recognisable.
func payload(i int) []byte {
	return append([]byte{byte(i), 'i', 's', ' ', 'i', 't'}, bytes.Repeat([]byte{0xa5}, 60)...)
}

// expectForms checks which of the n test frames a station received and how. The
// end is a frame that the switch's other side sends it through a port of its own.
func expectForms(t *testing.T, r *rig, s *station, raw *testnet.Raw, want func(i int) (uint16, bool), n int) {
	t.Helper()
	cfg, _ := r.Switch().Port(s.Port())
	cfg.VLAN.Native, cfg.Guard, cfg.Name = 0, nil, "marker"
	marker, err := r.Join(config("marker", 99, port(cfg), unguarded))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Leave("marker")
	end := []byte("the end of " + s.Name())
	b := testnet.Ether(s.host().MAC, marker.MAC(), end)
	if len(cfg.VLAN.Trunk) > 0 {
		b = testnet.Tagged(s.host().MAC, marker.MAC(), end, cfg.VLAN.Trunk[0])
	}
	(&testnet.Station{Box: marker.Sandbox(), Link: ifname}).Raw(t).Send(t, b)
	got := map[int][]byte{}
	for _, b := range raw.Until(t, end) {
		if at := bytes.Index(b, []byte("is it")); at > 0 && bytes.Contains(b, experiment) {
			got[int(b[at-1])] = b[12:]
		}
	}
	for i := range n {
		vid, expected := want(i)
		b, came := got[i]
		if came != expected || came && !bytes.HasPrefix(b, behindAddresses(vid)) {
			t.Errorf("frame %d at %s: came %v as % x; expected %v with tag %d", i, s.Name(), came, b[:min(len(b), 10)], expected, vid)
		}
	}
}

func TestVLANsRefuseWhatIsNotTheirs(t *testing.T) {
	r := newRig(t, Config{})
	s := vlanStations(r)
	for _, tt := range []struct {
		from string
		tags []uint16
		why  frame.Reason
	}{
		{"ten", []uint16{10}, frame.DropVLANTagged},
		{"ten", []uint16{20}, frame.DropVLANTagged},
		{"strict", nil, frame.DropVLANUntagged},
		{"strict", []uint16{30}, frame.DropVLANForeign},
		{"native", []uint16{4000}, frame.DropVLANForeign},
		{"native", []uint16{10, 20, 10}, frame.DropTags},
	} {
		b := testnet.Ether(frame.Broadcast, s[tt.from].host().MAC, payload(0))
		if tt.tags != nil {
			b = testnet.Tagged(frame.Broadcast, s[tt.from].host().MAC, payload(0), tt.tags...)
		}
		quiet(t, s[tt.from])
		raw := s[tt.from].Raw(t)
		r.expectDrops(tt.why, 1, func() { raw.Send(t, b) })
	}
}

// quiet ends what a station says by itself, IPv6's searches for routers.
func quiet(t *testing.T, s *station) {
	t.Helper()
	if err := s.Sandbox().NetNS().SetSysctl("net.ipv6.conf."+ifname+".disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
}

// VLANs are networks of their own: the same station may be in two.
func TestStationsOfVLANsAreKeptApart(t *testing.T) {
	r := newRig(t, Config{})
	s := vlanStations(r)
	s["ten"].MustPing(t, s["ten2"].V4, 3)
	if got := s["ten"].Ping(t, s["twenty"].V4, 1, "-W", "1"); got != 0 {
		t.Error("VLAN 10 reaches VLAN 20")
	}
	for _, e := range r.FDB() {
		if want := map[frame.PortID]uint16{s["ten"].Port(): 10, s["ten2"].Port(): 10, s["twenty"].Port(): 20}[e.Port]; want != 0 && e.VID != want {
			t.Errorf("entry %+v, want VLAN %d", e, want)
		}
	}
}

// Datagrams to a group and to everybody reach all who listen.
func TestMulticastAndBroadcast(t *testing.T) {
	tests := []struct {
		name string
		to   string
		v6   bool
	}{
		{"multicast", "239.1.2.3:4000", false},
		{"multicast v6", "[ff02::1:1234%eth0]:4001", true},
		{"broadcast", "10.77.255.255:4002", false},
	}
	eachLoop(t, func(t *testing.T, r *rig) {
		a := r.join("a", 1)
		listeners := []*station{r.join("b", 2), r.join("c", 3)}
		for _, tt := range tests {
			to := netip.MustParseAddrPort(tt.to)
			var conns []*net.UDPConn
			for _, s := range listeners {
				conns = append(conns, listen(t, s, to))
			}
			from := a.V4
			if tt.v6 {
				from = a.V6
			}
			sendDatagram(t, a, from, to, tt.name)
			for i, c := range conns {
				buf := make([]byte, 100)
				n, src, err := c.ReadFromUDPAddrPort(buf)
				if err != nil || string(buf[:n]) != tt.name || src.Addr().Unmap() != from {
					t.Errorf("%s: %s received %q from %v: %v", tt.name, listeners[i].Name(), buf[:n], src, err)
				}
			}
		}
		kinds, _ := r.Switch().Kinds(a.Port())
		if kinds.Multicast == 0 || kinds.Broadcast == 0 {
			t.Errorf("kinds of the frames of a: %+v", kinds)
		}
	})
}

// listen joins the group, or binds to the port of a broadcast.
func listen(t *testing.T, s *station, to netip.AddrPort) (c *net.UDPConn) {
	t.Helper()
	s.Do(t, func() error {
		ifi, err := net.InterfaceByName(ifname)
		switch {
		case err != nil:
		case to.Addr().IsMulticast():
			c, err = net.ListenMulticastUDP("udp", ifi, net.UDPAddrFromAddrPort(to))
		default:
			c, err = net.ListenUDP("udp4", &net.UDPAddr{Port: int(to.Port())})
		}
		return err
	})
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(testnet.Patience))
	return c
}

func sendDatagram(t *testing.T, s *station, from netip.Addr, to netip.AddrPort, text string) {
	t.Helper()
	var c *net.UDPConn
	s.Do(t, func() error {
		if to.Addr().Zone() != "" {
			ifi, err := net.InterfaceByName(to.Addr().Zone())
			if err != nil {
				return err
			}
			// Package net remembers names of zones, of whatever namespace: give a number.
			to = netip.AddrPortFrom(to.Addr().WithZone(strconv.Itoa(ifi.Index)), to.Port())
		}
		var err error
		c, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
		return err
	})
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Isolated ports reach the others, and not each other.
func TestPortIsolation(t *testing.T) {
	r := newRig(t, Config{})
	isolated := port(vswitch.PortConfig{Isolated: true})
	a, b, open := r.join("a", 1, isolated), r.join("b", 2, isolated), r.join("open", 3)
	a.MustPing(t, open.V4, 3)
	b.MustPing(t, open.V4, 3)
	open.MustPing(t, a.V6, 3)
	if got := a.Ping(t, b.V4, 1, "-W", "1"); got != 0 {
		t.Error("one isolated port reaches the other by flooding")
	}
	raw := a.Raw(t)
	r.expectDrops(frame.DropIsolated, 3, func() {
		for range 3 {
			raw.Send(t, testnet.Ether(b.host().MAC, a.host().MAC, payload(0)))
		}
	})
}

// A container whose interface is down costs nobody anything, and neither does one
// that deletes it.
func TestContainerTakesItsInterfaceAway(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b, c := r.join("a", 1), r.join("b", 2), r.join("c", 3)
		a.MustPing(t, c.V4, 1)
		c.Run(t, "ip", "link", "set", ifname, "down")
		raw := a.Raw(t)
		quiet(t, a)
		quiet(t, b)
		r.expectDrops(frame.DropPortDown, 1, func() { raw.Send(t, testnet.Ether(c.host().MAC, a.host().MAC, payload(0))) })
		c.Run(t, "ip", "link", "set", ifname, "up")
		a.MustPing(t, c.V4, 3)
		c.Run(t, "ip", "link", "delete", ifname)
		if !testnet.Eventually(func() bool { cfg, _ := r.Switch().Port(c.Port()); return cfg.Down }) {
			t.Error("the port of the deleted device is not down")
		}
		a.MustPing(t, b.V4, 3)
		if err := r.Leave("c"); err != nil {
			t.Error(err)
		}
		if _, _, err := c.Totals(); !errors.Is(err, os.ErrClosed) && err == nil {
			t.Error("the ring's drops of a container that left are known")
		}
	})
}
