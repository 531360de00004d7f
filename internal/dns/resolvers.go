package dns

import (
	"net/netip"
	"os"
	"sync"
	"time"
)

// Resolvers follows a resolv.conf, the host's. It may be used from any goroutine.
type Resolvers struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	conf   ResolvConf
	looked time.Time   // when the file was looked at last
	file   os.FileInfo // as it was when it was read; nil: it could not be
}

// HostResolvers follows the file at path. It is read at the first question to it, and
// again when it has changed, for which it is looked at once a second at most by the
// clock now. Servers on the loopback are kept: they are asked from where the file
// is valid.
func HostResolvers(path string, now func() time.Time) *Resolvers {
	return &Resolvers{path: path, now: now, conf: ParseResolvConf("")}
}

// Servers returns the servers in order, for Config.Upstreams.
func (r *Resolvers) Servers() []netip.AddrPort { return r.Current().Servers }

// Current returns what the file says. While it cannot be read, as for the moment in
// which it is replaced, it is what it said last; before that, what an empty file
// says. The slices are shared: do not change them.
func (r *Resolvers) Current() ResolvConf {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.looked.IsZero() || now.Sub(r.looked) >= time.Second || now.Before(r.looked) {
		r.looked = now
		r.refresh()
	}
	return r.conf
}

// refresh reads the file if it is not the one that was read.
func (r *Resolvers) refresh() {
	info, err := os.Stat(r.path)
	if err != nil || r.file != nil && unchanged(r.file, info) {
		return
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		return
	}
	r.conf, r.file = ParseResolvConf(string(text)), info
}

// unchanged compares device and inode, size and time.
func unchanged(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
