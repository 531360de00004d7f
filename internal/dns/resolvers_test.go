package dns

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestParseResolvConf(t *testing.T) {
	for _, c := range []struct {
		what, text               string
		servers, search, options []string
	}{
		{"empty", "", []string{"127.0.0.1:53"}, nil, nil},
		{"usual", "# made by hand\nnameserver 192.0.2.1\nnameserver 127.0.0.53\nsearch a.example b.example\noptions edns0 trust-ad\n",
			[]string{"192.0.2.1:53", "127.0.0.53:53"}, []string{"a.example", "b.example"}, []string{"edns0", "trust-ad"}},
		{"IPv6", "nameserver fe80::1%eth0\nnameserver 2001:db8::1\nnameserver ::ffff:192.0.2.1",
			[]string{"[fe80::1%eth0]:53", "[2001:db8::1]:53", "192.0.2.1:53"}, nil, nil},
		{"the last of search and domain", "nameserver 192.0.2.1\nsearch a b\ndomain c d\n", []string{"192.0.2.1:53"}, []string{"c"}, nil},
		{"options add up", "options ndots:2\n\toptions rotate\n", []string{"127.0.0.1:53"}, nil, []string{"ndots:2", "rotate"}},
		{"not understood", "nameserver dns.example\nnameserver\n;nameserver 192.0.2.9\nnameserver 192.0.2.1 # first\nsortlist 1\n\n \x00\n",
			[]string{"192.0.2.1:53"}, nil, nil},
	} {
		got := ParseResolvConf(c.text)
		var servers []string
		for _, s := range got.Servers {
			servers = append(servers, s.String())
		}
		if !slices.Equal(servers, c.servers) || !slices.Equal(got.Search, c.search) || !slices.Equal(got.Options, c.options) {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// The file is followed, by the clock that was given.
func TestResolversFollow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	now := time.Unix(1000, 0)
	r := HostResolvers(path, func() time.Time { return now })
	mtime := time.Unix(5000, 0)
	write := func(path, server string) {
		t.Helper()
		must(t, os.WriteFile(path, []byte("nameserver "+server+"\n"), 0o644))
		must(t, os.Chtimes(path, mtime, mtime))
	}
	expect := func(what, want string) {
		t.Helper()
		if got := r.Servers(); len(got) != 1 || got[0].Addr().String() != want {
			t.Errorf("%s: %v, want %s", what, got, want)
		}
	}
	expect("no file", "127.0.0.1")
	write(path, "192.0.2.1")
	now = now.Add(999 * time.Millisecond)
	expect("within a second", "127.0.0.1")
	now = now.Add(time.Millisecond)
	expect("a second later", "192.0.2.1")
	write(path, "192.0.2.2")
	now = now.Add(time.Second)
	expect("same file, size and time", "192.0.2.1")
	mtime = mtime.Add(time.Nanosecond)
	write(path, "192.0.2.2")
	now = now.Add(time.Second)
	expect("another time", "192.0.2.2")
	write(path+".new", "192.0.2.3")
	must(t, os.Rename(path+".new", path))
	now = now.Add(time.Second)
	expect("another file of the same size and time", "192.0.2.3")
	write(path, "192.0.2.30")
	now = now.Add(time.Second)
	expect("another size", "192.0.2.30")
	must(t, os.Remove(path))
	now = now.Add(time.Second)
	expect("gone", "192.0.2.30")
	write(path, "192.0.2.4")
	now = now.Add(-time.Hour)
	expect("a clock set back", "192.0.2.4")
}

func TestResolversConcurrency(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	r := HostResolvers(path, time.Now)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 100 {
				_ = os.WriteFile(fmt.Sprint(path, i), []byte("nameserver 192.0.2.1\n"), 0o644)
				_ = os.Rename(fmt.Sprint(path, i), path)
				if len(r.Servers()) != 1 {
					t.Error("no server")
				}
			}
		})
	}
	wg.Wait()
}
