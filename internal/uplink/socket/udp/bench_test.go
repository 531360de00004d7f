package udp

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// BenchmarkOut is a run of 32 datagrams to a host's server, without a device: what the
// way out itself costs, kernel included.
func BenchmarkOut(b *testing.B) {
	for _, size := range []int{64, 1400} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r, to := newRig(b), loopback4(b)
			run := make([]*frame.Frame, 32)
			for i := range run {
				run[i] = alice4.UDP(4000, to.alias(), payload(size), 0)
			}
			for b.Loop() {
				for _, f := range run {
					r.s.Take(r.Worker, r.Net, f)
				}
				r.s.Done(r.Worker, r.Net)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(run)), "ns/datagram")
		})
	}
}

// BenchmarkIn is 32 datagrams of a host's server, which wait when the event comes.
func BenchmarkIn(b *testing.B) {
	for _, size := range []int{64, 1400} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r, to := newRig(b), loopback4(b)
			r.Clean = true
			r.OnEnter = func(frame.PortID, []byte) {}
			r.send(alice4.UDP(4000, to.alias(), payload(size), 0))
			_, from := to.get()
			body, raw := payload(size), rawOf(b, to)
			sa := &unix.SockaddrInet4{Port: int(from.Port()), Addr: from.Addr().As4()}
			for b.Loop() {
				b.StopTimer()
				for range 32 {
					_ = unix.Sendto(raw, body, 0, sa)
				}
				b.StartTimer()
				r.Poll(time.Second)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32), "ns/datagram")
		})
	}
}

// BenchmarkAnswer is one datagram out, its answer, and what the container gets of it.
func BenchmarkAnswer(b *testing.B) {
	r, to := newRig(b), loopback4(b)
	r.Clean = true
	r.OnEnter = func(frame.PortID, []byte) {}
	f := alice4.UDP(4000, to.alias(), payload(64), 0)
	buf := make([]byte, 100)
	for b.Loop() {
		r.send(f)
		n, from, _ := to.ReadFromUDPAddrPort(buf)
		_, _ = to.WriteToUDPAddrPort(buf[:n], from)
		r.Poll(time.Second)
	}
}
