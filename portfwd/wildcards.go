package portfwd

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// wildcards says which ports are published on all addresses of the host: a bit for
// each port, protocol and family, 32 KiB in all however many there are. Changing a
// bit is one atomic operation, so that readers need neither a lock nor a snapshot.
type wildcards [4][1 << 16 / 64]atomic.Uint64

// Wildcard reports whether a port is published on all addresses of one family of the
// host, so that also a gateway's address leads to it. proto is the IP protocol's
// number. Workers may call it for every packet: it takes no lock.
func (t *Table) Wildcard(proto uint8, v6 bool, port uint16) bool {
	if proto != unix.IPPROTO_TCP && proto != unix.IPPROTO_UDP {
		return false
	}
	return t.wild[plane(proto, v6)][port/64].Load()>>(port%64)&1 != 0
}

func plane(proto uint8, v6 bool) (p int) {
	if proto == unix.IPPROTO_UDP {
		p = 2
	}
	if v6 {
		p++
	}
	return p
}

func (w *wildcards) set(b *Binding, on bool) {
	if !b.Wildcard() {
		return
	}
	port := b.Host.Port()
	word, bit := &w[plane(b.Number(), b.Host.Addr().Is6())][port/64], uint64(1)<<(port%64)
	if on {
		word.Or(bit)
	} else {
		word.And(^bit)
	}
}
