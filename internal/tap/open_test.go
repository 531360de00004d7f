package tap

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// TestOpen: everything that the configuration names is there afterwards.
func TestOpen(t *testing.T) {
	ns := newNS(t)
	ours6 := netip.MustParsePrefix("fd00::2/64")
	gateways := []netip.Addr{netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("fd00::1")}
	d := open(t, Config{
		NS: ns, Name: "eth0", MAC: ourMAC, MTU: 9000, Addrs: []netip.Prefix{ours, ours6}, Gateways: gateways,
		Sysctls: map[string]string{"net.ipv4.conf.eth0.arp_notify": "1"},
	})
	h := handle(t, ns)
	l, err := h.Link("eth0")
	must(t, err)
	if l.MAC != ourMAC || l.MTU != 9000 || !l.Up || l.TxQueueLen != QueueLenFor(9000, d.Offloads()) {
		t.Errorf("link: %+v", l)
	}
	if q, err := h.RootQdisc("eth0"); err != nil || q != "noqueue" {
		t.Errorf("qdisc %q, %v", q, err)
	}
	addrs, err := h.Addrs("eth0")
	must(t, err)
	for _, want := range []netip.Prefix{ours, ours6} {
		if !slices.Contains(addrs, netnsx.Addr{Prefix: want}) {
			t.Errorf("no address %v, or it is tentative: %v", want, addrs)
		}
	}
	routes, err := h.Routes()
	must(t, err)
	for _, want := range gateways {
		if !slices.ContainsFunc(routes, func(r netnsx.Route) bool { return r.Gateway == want && r.Link == "eth0" }) {
			t.Errorf("no route by %v: %v", want, routes)
		}
	}
	if v, err := ns.Sysctl("net.ipv4.conf.eth0.arp_notify"); err != nil || v != "1" {
		t.Errorf("sysctl %q, %v", v, err)
	}
	if d.Name() != "eth0" || d.MTU() != 9000 {
		t.Errorf("name %q, MTU %d", d.Name(), d.MTU())
	}
	checkDescriptor(t, d)
}

// checkDescriptor: no program inherits it, no read blocks on it.
func checkDescriptor(t *testing.T, d *Device) {
	t.Helper()
	fd := uintptr(d.FD())
	if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %x, %v: not closed on exec", flags, err)
	}
	if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("file flags %x, %v: blocking", flags, err)
	}
	ifr, err := unix.NewIfreq(d.Name())
	must(t, err)
	must(t, unix.IoctlIfreq(d.FD(), unix.TUNGETIFF, ifr))
	if got := ifr.Uint16(); got&unix.IFF_VNET_HDR == 0 || got&unix.IFF_MULTI_QUEUE == 0 || got&unix.IFF_NO_PI == 0 {
		t.Errorf("queue flags %#x: the virtio header was not inherited", got)
	}
}

// TestDefaults: what the configuration leaves open.
func TestDefaults(t *testing.T) {
	ns := newNS(t)
	d := open(t, Config{NS: ns, Name: "eth0", QueueLen: 77})
	l, err := handle(t, ns).Link("eth0")
	must(t, err)
	if l.MTU != 1500 || d.MTU() != 1500 || l.TxQueueLen != 77 || l.MAC == 0 {
		t.Errorf("link: %+v", l)
	}
	if d.Offloads()&(Csum|TSO4|TSO6) != Csum|TSO4|TSO6 {
		t.Errorf("offloads: %v", d.Offloads())
	}
}

// TestControl: what can be changed while the device is open.
func TestControl(t *testing.T) {
	ns := newNS(t)
	d := open(t, Config{NS: ns, Name: "eth0"})
	h := handle(t, ns)
	must(t, d.SetMTU(1400))
	must(t, d.AddAddr(ours))
	must(t, d.SetGSOMaxSize(60000))
	l, err := h.Link("eth0")
	must(t, err)
	if l.MTU != 1400 || d.MTU() != 1400 || l.GSOMaxSize != 60000 {
		t.Errorf("link: %+v", l)
	}
	must(t, d.DelAddr(ours))
	must(t, d.SetUp(false))
	if l, err = h.Link("eth0"); err != nil || l.Up {
		t.Errorf("link: %+v, %v", l, err)
	}
	if addrs, err := h.Addrs("eth0"); err != nil || slices.Contains(addrs, netnsx.Addr{Prefix: ours}) {
		t.Errorf("addresses: %v, %v", addrs, err)
	}
	must(t, d.SetUp(true))
	if err := d.SetMTU(1 << 20); err == nil || d.MTU() != 1400 {
		t.Errorf("an MTU of 1 MiB: %v; now %d", err, d.MTU())
	}
}

func TestNames(t *testing.T) {
	ns := newNS(t)
	for _, name := range []string{"", ".", "..", "sixteen-bytes-ab", "a/b", "a b", "a\tb", "a:b", "tap%d", "a\x00b"} {
		if d, err := Open(Config{NS: ns, Name: name}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%q: %v, %v", name, d, err)
		}
		if d, err := OpenPlain(ns, name, ourMAC); !errors.Is(err, unix.EINVAL) {
			t.Errorf("plain %q: %v, %v", name, d, err)
		}
	}
	open(t, Config{NS: ns, Name: "fifteen-bytes-a"})
	if d, err := Open(Config{Name: "eth0"}); err == nil {
		t.Error("no namespace:", d)
	}
}

// TestNameTaken: by whatever, and however it is asked for.
func TestNameTaken(t *testing.T) {
	ns := newNS(t)
	open(t, Config{NS: ns, Name: "eth0"})
	open(t, Config{NS: ns, Name: "kept", Persist: true})
	noDescriptorLeft(t, func() {
		for _, cfg := range []Config{
			{NS: ns, Name: "eth0"},
			{NS: ns, Name: "eth0", Persist: true}, // it is held: half of its frames would be ours
			{NS: ns, Name: "kept"},
			{NS: ns, Name: "kept", Persist: true},
		} {
			if d, err := Open(cfg); !errors.Is(err, unix.EBUSY) {
				t.Errorf("%s, persistent %v: %v, %v", cfg.Name, cfg.Persist, d, err)
			}
		}
		if _, err := OpenPlain(ns, "eth0", ourMAC); !errors.Is(err, unix.EBUSY) {
			t.Errorf("plain: %v", err)
		}
		if _, err := Open(Config{NS: ns, Name: "lo", Persist: true}); err == nil {
			t.Error("lo is no TAP")
		}
	})
}

// TestFailedSetUpLeavesNothing: no device, no descriptor.
func TestFailedSetUpLeavesNothing(t *testing.T) {
	ns := newNS(t)
	h := handle(t, ns)
	for _, persist := range []bool{false, true} {
		for name, cfg := range map[string]Config{
			"an unreachable gateway": {Gateways: []netip.Addr{peers}},
			"a sysctl of the host":   {Sysctls: map[string]string{"kernel.hostname": "x"}},
			"an MTU of 1 MiB":        {MTU: 1 << 20},
			"a group address":        {MAC: 0x01005e000001},
		} {
			cfg.NS, cfg.Name, cfg.Persist = ns, "eth0", persist
			noDescriptorLeft(t, func() {
				if d, err := Open(cfg); err == nil {
					t.Errorf("%s: no error", name)
					d.Close()
				}
			})
			if _, err := h.Link("eth0"); !errors.Is(err, netnsx.ErrNoLink) {
				t.Errorf("%s: the device is still there: %v", name, err)
			}
		}
	}
}

// TestCloseAndDelete: a device goes with its descriptor, or with Delete.
func TestCloseAndDelete(t *testing.T) {
	ns := newNS(t)
	h := handle(t, ns)
	noDescriptorLeft(t, func() {
		d, err := Open(Config{NS: ns, Name: "eth0", MAC: ourMAC, Addrs: []netip.Prefix{ours}})
		must(t, err)
		must(t, d.Close())
		must(t, d.Close())
		if _, err := h.Link("eth0"); !errors.Is(err, netnsx.ErrNoLink) {
			t.Errorf("after Close: %v", err)
		}
		if _, err := d.RingDrops(); err == nil {
			t.Error("a closed device counts")
		}
	})
	d := open(t, Config{NS: ns, Name: "eth0", Persist: true})
	must(t, d.Delete())
	must(t, d.Close())
	if _, err := h.Link("eth0"); !errors.Is(err, netnsx.ErrNoLink) {
		t.Errorf("after Delete: %v", err)
	}
}

func TestProbe(t *testing.T) {
	newNS(t) // skips where there is nothing to probe
	noDescriptorLeft(t, func() {
		o, err := Probe()
		if err != nil || o&(Csum|TSO4|TSO6) != Csum|TSO4|TSO6 {
			t.Errorf("%v, %v", o, err)
		}
	})
}

// TestNode: a closed and a missing device node, made so for one thread only.
func TestNode(t *testing.T) {
	ns := newNS(t)
	for _, c := range []struct {
		name string
		hide func() error
		want error
	}{
		{"closed", closeNode, fs.ErrPermission},
		{"missing", hideNode, fs.ErrNotExist},
	} {
		err := netnsx.OnThread(func() error {
			if err := privateMounts(); err != nil {
				return err
			}
			if err := ns.Enter(); err != nil {
				return err
			}
			if err := c.hide(); err != nil {
				return err
			}
			_, queueErr := openQueue(Config{NS: ns, Name: "eth0"})
			plainErr := tryPlain("eth0")
			if !errors.Is(queueErr, c.want) || !errors.Is(plainErr, c.want) {
				t.Errorf("%s: %v; %v", c.name, queueErr, plainErr)
			}
			return nil
		})
		if errors.Is(err, unix.EPERM) {
			t.Skip("NEEDS-ROOT: cannot mount:", err)
		}
		must(t, err)
	}
}

// privateMounts gives the thread, which ends soon, mounts of its own.
func privateMounts() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// hideNode lets the node's folder be empty.
func hideNode() error { return unix.Mount("none", "/dev/net", "tmpfs", 0, "") }

// closeNode puts a node of mode 0 in the place of the machine's own and drops the
// right to pass over modes.
func closeNode() error {
	if err := hideNode(); err != nil {
		return err
	}
	if err := unix.Mknod(Node, unix.S_IFCHR, int(unix.Mkdev(10, 200))); err != nil {
		return err
	}
	return dropOverride()
}

// dropOverride takes CAP_DAC_OVERRIDE from the thread.
func dropOverride() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_DAC_OVERRIDE
	return unix.Capset(&hdr, &data[0])
}
