package udp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/uplinktest"
)

var (
	alice4, alice6, bob4 = uplinktest.Alice4, uplinktest.Alice6, uplinktest.Bob4
	gateway4, gateway6   = netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("fd00:1::1")
)

// rig is a worker with a shard.
type rig struct {
	*uplinktest.Worker
	s *Shard
}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	testnet.NoLeaks(t)
	w := uplinktest.New(t)
	c := Config{Watch: w, Seed: 7, Now: w.Clock}
	for _, e := range edit {
		e(&c)
	}
	r := &rig{w, New(c)}
	w.Shard = r.s
	t.Cleanup(func() {
		r.s.Close()
		if n := r.Watched(); n != 0 {
			t.Errorf("%d descriptors are still watched", n)
		}
		if m, k, e := r.s.mappings.len(), r.s.sockets.len(), r.s.sessions.len(); m+k+e != 0 {
			t.Errorf("%d mappings, %d sockets and %d sessions are left", m, k, e)
		}
		if i := r.s.inside.Len() + r.s.outward.Len() + r.s.inward.Len() + r.s.wheel.Len(); i != 0 {
			t.Errorf("%d places of tables are left", i)
		}
	})
	return r
}

// run gives the shard a run, and returns how each frame ended, put off or not.
func (r *rig) run(frames ...*frame.Frame) []frame.Reason {
	r.T.Helper()
	for _, f := range frames {
		f.Drop = frame.Accepted
	}
	ends := r.Run(frames...)
	for i, f := range frames {
		if f.Drop != frame.Accepted {
			ends[i] = f.Drop
		}
	}
	return ends
}

// send gives the shard frames that are to be sent.
func (r *rig) send(frames ...*frame.Frame) {
	r.T.Helper()
	for i, end := range r.run(frames...) {
		if end != frame.Consumed {
			r.T.Fatalf("frame %d ended as %v", i, end)
		}
	}
}

// flows returns all sessions.
func (r *rig) flows() (all []uplink.Flow) {
	r.s.Flows(func(f uplink.Flow) { all = append(all, f) })
	return all
}

// server is a socket of the host.
type server struct {
	*net.UDPConn
	t testing.TB
}

func serve(t testing.TB, at string) *server {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &server{c, t}
}

// loopback4 and loopback6 serve the host's loopback.
func loopback4(t testing.TB) *server { return serve(t, "127.0.0.1:0") }
func loopback6(t testing.TB) *server { return serve(t, "[::1]:0") }

// at returns where it is.
func (s *server) at() netip.AddrPort { return s.LocalAddr().(*net.UDPAddr).AddrPort() }

// alias returns where it is for a container.
func (s *server) alias() netip.AddrPort {
	if s.at().Addr().Unmap().Is4() {
		return netip.AddrPortFrom(uplinktest.Loopback4, s.at().Port())
	}
	return netip.AddrPortFrom(uplinktest.Loopback6, s.at().Port())
}

// get reads one datagram.
func (s *server) get() ([]byte, netip.AddrPort) {
	s.t.Helper()
	b := make([]byte, 65536)
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// put sends one datagram.
func (s *server) put(b []byte, to netip.AddrPort) {
	s.t.Helper()
	if _, err := s.WriteToUDPAddrPort(b, to); err != nil {
		s.t.Fatal(err)
	}
}

// quiet fails the test if the server has got anything.
func (s *server) quiet() {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, from, err := s.ReadFromUDPAddrPort(make([]byte, 65536)); err == nil {
		s.t.Errorf("%d bytes from %v", n, from)
	}
}

// payload returns n bytes that differ from place to place.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// wantUDP looks at every field of a datagram that entered, by an independent reader.
func wantUDP(t testing.TB, f *frame.Frame, src, dst netip.AddrPort, mac frame.MAC, body []byte) {
	t.Helper()
	c := &frame.Frame{Buf: bytes.Clone(f.Buf), Off: f.Off, Len: f.Len, Info: f.Info}
	offload.Complete(c)
	p := gopacket.NewPacket(c.Bytes(), layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		t.Fatalf("not a packet: %v", p.ErrorLayer().Error())
	}
	eth := p.LinkLayer().(*layers.Ethernet)
	if !bytes.Equal(eth.DstMAC, mac.HardwareAddr()) || !bytes.Equal(eth.SrcMAC, uplinktest.GatewayMAC.HardwareAddr()) {
		t.Errorf("from %v to %v", eth.SrcMAC, eth.DstMAC)
	}
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if ip.TTL != 64 || ip.Flags != layers.IPv4DontFragment || int(ip.Length) != c.Len-14 {
			t.Errorf("TTL %d, flags %v, length %d", ip.TTL, ip.Flags, ip.Length)
		}
	case *layers.IPv6:
		if ip.HopLimit != 64 || int(ip.Length) != c.Len-54 {
			t.Errorf("hop limit %d, length %d", ip.HopLimit, ip.Length)
		}
	}
	from, to := uplinktest.Ends(c)
	if from != src || to != dst {
		t.Errorf("from %v to %v, want from %v to %v", from, to, src, dst)
	}
	u := p.TransportLayer().(*layers.UDP)
	if int(u.Length) != 8+len(body) || !bytes.Equal(u.Payload, body) {
		t.Errorf("length %d with %d bytes, want %d", u.Length, len(u.Payload), len(body))
	}
}

func port(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }

// fragments has the rig take fragments, whose checksum is that of the whole.
func (r *rig) fragments() {
	r.OnEnter = func(p frame.PortID, b []byte) {
		f := &frame.Frame{Buf: bytes.Clone(b), Off: frame.VnetLen, Len: len(b) - frame.VnetLen}
		if end := f.Parse(); end != frame.Accepted || offload.Check(f) != frame.Accepted || !frame.IPv4(f.Bytes()[f.L3:]).ChecksumOK() && f.Flags&frame.FlagIPv4 != 0 {
			r.T.Errorf("malformed: %v %x", end, b)
		}
		r.Entered = append(r.Entered, uplinktest.Entered{Port: p, Frame: f})
	}
}
