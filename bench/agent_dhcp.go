package bench

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"
)

// DHCPReport is what a client that asks for an address again and again says.
type DHCPReport struct {
	Offer PingReport `json:"offer"` // DISCOVER to OFFER
	Ack   PingReport `json:"ack"`   // REQUEST to ACK
}

// dhcp asks a DHCPv4 server for an address, over and over: DISCOVER, OFFER,
// REQUEST, ACK (RFC 2131, section 3.1). It does not use the address.
func (a *agent) dhcp(args []string) error {
	f := newFlags("dhcp")
	link := f.String("link", stationLink, "the interface to ask on")
	count := f.Int("count", 100, "how many leases to count")
	gap := f.Duration("gap", 0, "how long to rest between two")
	if err := f.parse(args); err != nil {
		return err
	}
	i, err := net.InterfaceByName(*link)
	if err != nil {
		return err
	}
	s, err := dhcpSock(*link)
	if err != nil {
		return err
	}
	defer s.close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := dhcpClient{s: s, mac: i.HardwareAddr}
	for i := 0; i < 1+*count && !a.stop.Load(); i++ {
		if err := c.lease(uint32(i+1), i > 0); err != nil {
			return err
		}
		time.Sleep(*gap)
	}
	var r DHCPReport
	var oerr, aerr error
	r.Offer, oerr = c.offers.report()
	r.Ack, aerr = c.acks.report()
	return a.reportOf(r, errors.Join(oerr, aerr))
}

// dhcpSock makes the socket of a client: it sends to everybody on one interface.
func dhcpSock(link string) (*sock, error) {
	s, err := openSock(syscall.SOCK_DGRAM, netip.AddrPortFrom(netip.IPv4Unspecified(), 68))
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.NewSyscallError("setsockopt SO_BINDTODEVICE", syscall.BindToDevice(s.fd, link)),
		os.NewSyscallError("setsockopt SO_BROADCAST", syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1)),
		s.setTimeout(answerWait),
	)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// dhcpClient gathers what its questions took.
type dhcpClient struct {
	s            *sock
	mac          net.HardwareAddr
	offers, acks asks
}

// lease gets one lease. A question without an answer is lost, and ends it.
func (c *dhcpClient) lease(xid uint32, counts bool) error {
	offer, err := c.ask(&c.offers, dhcpQuestion{kind: dhcpDiscover, xid: xid, mac: c.mac}, dhcpOfferKind, counts)
	if err != nil || offer.kind == 0 {
		return err
	}
	taken := dhcpQuestion{kind: dhcpRequest, xid: xid, mac: c.mac, addr: offer.addr, server: offer.server}
	_, err = c.ask(&c.acks, taken, dhcpAckKind, counts)
	return err
}

// ask sends a question and returns its answer, which must be of the kind want; the
// zero value is none.
func (c *dhcpClient) ask(h *asks, q dhcpQuestion, want byte, counts bool) (a dhcpAnswer, err error) {
	to := &syscall.SockaddrInet4{Port: 67, Addr: [4]byte{255, 255, 255, 255}}
	took, answered, err := c.s.exchange(q.message(), to, func(b []byte) bool {
		got, ok := parseDHCP(b)
		if ok && got.xid == q.xid && (got.kind == want || got.kind == dhcpNak) {
			a = got
		}
		return a.kind != 0
	})
	if err == nil && a.kind == dhcpNak {
		err = errors.New("the server says that the address is not this client's")
	}
	if err == nil {
		h.count(counts, took, answered)
	}
	return a, err
}
