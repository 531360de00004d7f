package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// FlowsReport is what the filler of a translator's table says.
type FlowsReport struct {
	// Answered counts the flows, pairs of a source and a destination port, over which
	// a datagram went there and one came back.
	Answered int           `json:"answered"`
	Sent     uint64        `json:"sent"`
	Elapsed  time.Duration `json:"elapsed_ns"`
}

// flowEcho sends datagrams back, at a run of ports, until standard input ends.
func (a *agent) flowEcho(args []string) error {
	f := newFlags("flow-echo")
	ports := f.Int("ports", 1, "how many ports, from that of -listen on")
	if err := f.parse(args, "listen"); err != nil {
		return err
	}
	for i := range *ports {
		at := netip.AddrPortFrom(f.listen.Addr(), f.listen.Port()+uint16(i))
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		defer c.Close()
		go reflect(c) // it ends with its socket
	}
	if err := a.out.Encode(listening{f.listen.AddrPort}); err != nil {
		return err
	}
	<-a.ctx.Done()
	return nil
}

func reflect(c *net.UDPConn) {
	b := make([]byte, 64)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = c.WriteToUDPAddrPort(b[:n], from) // what is lost is asked for again
		}
	}
}

// flowFill opens flows from a number of ports to a run of ports, and has each
// answered once.
func (a *agent) flowFill(args []string) error {
	f := newFlags("flow-fill")
	sources := f.Int("sources", 1, "how many source ports")
	ports := f.Int("ports", 1, "how many destination ports, from that of -to on")
	if err := f.parse(args, "to"); err != nil {
		return err
	}
	var r FlowsReport
	start := time.Now()
	for range *sources {
		if a.stop.Load() {
			break
		}
		if err := r.fill(f.to.AddrPort, *ports, &a.stop); err != nil {
			return a.reportOf(r, err)
		}
	}
	r.Elapsed = time.Since(start)
	return a.reportOf(r, nil)
}

// fillTries is how often a flow is tried; fillBurst how many datagrams are under way
// at a time, less than what the sockets' buffers hold.
const (
	fillTries = 5
	fillBurst = 64
)

// fill opens the flows of one source port.
func (r *FlowsReport) fill(to netip.AddrPort, ports int, stop stopper) error {
	s, err := openSock(syscall.SOCK_DGRAM, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setTimeout(idle); err != nil {
		return err
	}
	answered := make([]bool, ports)
	for range fillTries {
		for first := 0; first < ports && !stop.Load(); first += fillBurst {
			if err := r.burst(s, to, answered, first, min(first+fillBurst, ports)); err != nil {
				return err
			}
		}
	}
	return nil
}

// burst sends to those ports that have not answered yet, and takes the answers.
func (r *FlowsReport) burst(s *sock, to netip.AddrPort, answered []bool, first, end int) error {
	waiting := 0
	for i := first; i < end; i++ {
		if answered[i] {
			continue
		}
		at := netip.AddrPortFrom(to.Addr(), to.Port()+uint16(i))
		if err := syscall.Sendto(s.fd, []byte{1}, 0, sockaddr(at)); err != nil && !transient(err) {
			return fmt.Errorf("send to %v: %w", at, err)
		}
		r.Sent++
		waiting++
	}
	for b := make([]byte, 8); waiting > 0; waiting-- {
		_, from, err := syscall.Recvfrom(s.fd, b, 0)
		if err != nil {
			if transient(err) {
				return nil // what is missing is tried again
			}
			return fmt.Errorf("receive: %w", err)
		}
		if i := int(addrPortOf(from).Port()) - int(to.Port()); i >= 0 && i < len(answered) && !answered[i] {
			answered[i] = true
			r.Answered++
		}
	}
	return nil
}
