package offload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// rig is the kernel as an oracle: two TAPs joined by a bridge, in a network
// namespace without a name that goes away with the last descriptor.
//
//	write -> TAP a -> bridge -> TAP b -> read
//
// What b cannot take, the kernel segments and sums in software on the way; when a
// has NAPI, the kernel merges what comes in by it.
type rig struct{ a, b int }

const (
	tunOffloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN |
		unix.TUN_F_USO4 | unix.TUN_F_USO6
	// patience bounds a test that is going to fail, in milliseconds.
	patience = 5000
)

// newRig makes a rig whose b has the given offloads.
func newRig(t *testing.T, napi bool, offloads int) *rig {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NEEDS-ROOT: makes a network namespace with a bridge")
	}
	if fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		t.Skipf("NEEDS-TUN: open /dev/net/tun: %v", err)
	} else {
		unix.Close(fd)
	}
	r := &rig{a: -1, b: -1}
	t.Cleanup(func() {
		for _, fd := range []int{r.a, r.b} {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
	})
	sysfs := t.TempDir()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with its namespaces
		done <- r.make(sysfs, napi, offloads)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) make(sysfs string, napi bool, offloads int) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := errors.Join(
		sysctl("net/ipv6/conf/all/disable_ipv6", "1"),
		sysctl("net/ipv6/conf/default/disable_ipv6", "1"),
		sysctl("net/bridge/bridge-nf-call-iptables", "0"),
		sysctl("net/bridge/bridge-nf-call-ip6tables", "0")); err != nil {
		return err
	}
	flags := uint16(0)
	if napi {
		flags = unix.IFF_NAPI
	}
	var err error
	if r.a, err = openTap("a", flags, 0); err != nil {
		return err
	}
	if r.b, err = openTap("b", 0, offloads); err != nil {
		return err
	}
	if err := bridge("a", "b"); err != nil {
		return err
	}
	if napi {
		return holdGRO(sysfs, "a")
	}
	return nil
}

// sysctl sets a value of the thread's network namespace, if the kernel has it.
func sysctl(name, value string) error {
	err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func openTap(name string, flags uint16, offloads int) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fd, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return fd, fmt.Errorf("TUNSETIFF %s: %w", name, err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, offloads); err != nil {
		return fd, fmt.Errorf("TUNSETOFFLOAD %s %#x: %w", name, offloads, err)
	}
	return fd, nil
}

func bridge(ports ...string) error {
	h, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	off := false
	br := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs(), MulticastSnooping: &off}
	br.Name = "br"
	if err := h.LinkAdd(br); err != nil {
		return fmt.Errorf("add bridge: %w", err)
	}
	for _, name := range append(ports, "br") {
		link, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		if name != "br" {
			// Super-frames pass a bridge by segment size; let it be any.
			if err := errors.Join(h.LinkSetMTU(link, 65521), h.LinkSetMaster(link, br)); err != nil {
				return fmt.Errorf("port %s: %w", name, err)
			}
		}
		if err := h.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	return nil
}

// holdGRO lets the kernel's GRO wait 50 ms for more, since every write is a poll
// of its own. It needs the namespace's own sysfs.
func holdGRO(sysfs, name string) error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("sysfs", sysfs, "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount sysfs: %w", err)
	}
	dir := filepath.Join(sysfs, "class/net", name)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "napi_defer_hard_irqs"), []byte("100"), 0),
		os.WriteFile(filepath.Join(dir, "gro_flush_timeout"), []byte("50000000"), 0))
}

// write hands one frame to the kernel and reports a refusal.
func (r *rig) write(t *testing.T, slices ...[]byte) {
	t.Helper()
	n, err := unix.Writev(r.a, slices)
	if want := len(flatten(slices...)); err != nil || n != want {
		head := flatten(slices...)
		t.Fatalf("the kernel took %d of %d bytes: %v\n%x", n, want, err, head[:min(len(head), 100)])
	}
}

// read returns the next frame that comes out, virtio header first.
func (r *rig) read(t *testing.T) []byte {
	t.Helper()
	buf := make([]byte, frame.SlotSize)
	for {
		n, err := unix.Read(r.b, buf)
		if err == nil {
			return buf[:n]
		}
		if err != unix.EAGAIN && err != unix.EINTR {
			t.Fatalf("read: %v", err)
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(r.b), Events: unix.POLLIN}}, patience)
		if ready == 0 || err != nil && err != unix.EINTR {
			t.Fatalf("nothing came out: %v", err)
		}
	}
}

// drained holds that nothing more came out.
func (r *rig) drained(t *testing.T) {
	t.Helper()
	buf := make([]byte, frame.SlotSize)
	if n, err := unix.Read(r.b, buf); err == nil {
		t.Fatalf("one frame too many: %x", buf[:min(n, 100)])
	}
}

// try hands one frame to the kernel and returns its answer.
func (r *rig) try(b []byte) error {
	_, err := unix.Write(r.a, b)
	return err
}
