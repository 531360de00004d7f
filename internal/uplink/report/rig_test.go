package report

import (
	"bytes"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

var (
	gwMAC, conMAC = frame.MAC(0x02_00_00_00_00_01), frame.MAC(0x02_00_00_00_00_0a)
	gw4, gw6      = ip("10.0.0.1"), ip("fd00:a::1")
	con4, con6    = ip("10.0.0.10"), ip("fd00:a::10")
	out4, out6    = ip("192.0.2.7"), ip("2001:db8::7")
	hop4, hop6    = ip("198.51.100.1"), ip("2001:db8:1::1")
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func network() *uplink.Net {
	return &uplink.Net{Name: "a", ID: 1, MAC: gwMAC, Addr4: gw4, Addr6: gw6, MTU: 1500}
}

func local(errno unix.Errno) Error { return Error{Errno: errno, Origin: unix.SO_EE_ORIGIN_LOCAL} }

func icmp(typ, code uint8, info uint32) Error {
	return Error{Origin: unix.SO_EE_ORIGIN_ICMP, Type: typ, Code: code, Info: info}
}

func icmp6(typ, code uint8, info uint32) Error {
	return Error{Origin: unix.SO_EE_ORIGIN_ICMP6, Type: typ, Code: code, Info: info}
}

// outbox is a worker's with one slot, full of rubbish, that is copied on Enter.
type outbox struct {
	uplink.Outbox
	ledger  frame.Ledger
	slot    []byte
	empty   bool // no slot is left
	now     int64
	entered int
	frames  []*frame.Frame
	forget  bool // what is entered
}

func newOutbox() *outbox { return &outbox{slot: make([]byte, frame.SlotSize)} }

func (o *outbox) Now() int64            { return o.now }
func (o *outbox) Ledger() *frame.Ledger { return &o.ledger }

func (o *outbox) Borrow() []byte {
	if o.empty {
		return nil
	}
	for i := range o.slot[:2048] {
		o.slot[i] = 0xa5
	}
	return o.slot
}

func (o *outbox) Enter(slot []byte, n int) {
	o.entered++
	if !o.forget {
		o.frames = append(o.frames, &frame.Frame{Buf: bytes.Clone(slot[:frame.Headroom+n]), Off: frame.Headroom, Len: n})
	}
}

// take returns what was entered since the last time.
func (o *outbox) take() []*frame.Frame {
	f := o.frames
	o.frames = nil
	return f
}

// bytesOf returns the memory of words, which is aligned for any struct.
func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}
