package network

import (
	"net"
	"net/netip"
	"sync"

	"vswitch/internal/api"
	"vswitch/internal/dns"
)

// openNames opens the server at 127.0.0.11 inside a container that has networks of
// the user's.
func (m *Manager) openNames(b *box) error {
	if b.names != nil || b.sb == nil || b.hostNet() {
		return nil
	}
	m.mu.Lock()
	view, _ := m.viewOf(b)
	m.mu.Unlock()
	if !view.Names {
		return nil
	}
	r := &resolver{}
	err := b.ns.Do(func() (err error) {
		at := net.JoinHostPort(embedded.String(), "53")
		if r.udp, err = net.ListenPacket("udp4", at); err != nil {
			return err
		}
		if r.tcp, err = net.Listen("tcp4", at); err != nil {
			r.udp.Close()
		}
		return err
	})
	if err != nil {
		return api.Errorf(api.Unexpected, err, "cannot answer names inside container %q", b.rec.Name)
	}
	r.wg.Go(func() { _ = m.dns.ServePacket(func() dns.View { return m.view(b) }, r.udp) })
	r.wg.Go(func() {
		_ = m.dns.ServeStream(func(netip.AddrPort) (dns.View, bool) { return m.view(b), true }, r.tcp)
	})
	b.edit(func() { b.names = r })
	return nil
}

func (m *Manager) view(b *box) dns.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := m.viewOf(b)
	return v
}

// closeNames undoes openNames.
func (b *box) closeNames() {
	if r := b.names; r != nil {
		b.edit(func() { b.names = nil })
		r.close()
	}
}

// resolver is the sockets at 127.0.0.11 inside a container.
type resolver struct {
	udp net.PacketConn
	tcp net.Listener
	wg  sync.WaitGroup
}

func (r *resolver) close() {
	r.udp.Close()
	r.tcp.Close()
	r.wg.Wait()
}
