package offload

import "vswitch/internal/frame"

// How a frame gets its egress form: the tag is put in or taken out by moving the
// two addresses and the virtio header before them, 22 bytes, into or out of the
// headroom. All that follows stays where it is.
//
//	untagged          | vnet | dst src | type ...
//	tagged     | vnet | dst src | 8100 TCI | type ...

const (
	vidMask = 0x0fff
	addrLen = 12
	// moved is what a push or pop moves: the virtio header and both addresses.
	moved = frame.VnetLen + addrLen
)

// Form remembers how a frame came in: which of its tags, if any, is the
// switch's own, and that tag's type, priority and drop bit. A flooded frame is
// brought into one form after another, and none of this may get lost on the way.
type Form struct {
	tpid, prio uint16
	inner      uint8
}

// FormOf reads the form of a frame as it was parsed. An outermost tag, also one
// for priority only (VID 0), counts as the switch's own; an inner one is payload.
func FormOf(f *frame.Frame) Form {
	if f.Tags == 0 {
		return Form{tpid: frame.TypeVLAN}
	}
	return Form{tpid: f.Ethernet().Tag().TPID(), prio: f.TCI &^ vidMask, inner: f.Tags - 1}
}

// Retag brings f into the form that leaves by an egress port: with the switch's
// own tag carrying vid (1 to 4094), or, with vid 0, without it. It may be called
// again and again, in any order, and keeps f.Off, f.Len, f.Info and the virtio
// header true. It needs frame.TagLen+frame.VnetLen bytes before f.Off, which
// every frame from a port has; the caller holds the frame's batch.
func (o Form) Retag(f *frame.Frame, vid uint16) {
	tagged := f.Tags > o.inner
	switch {
	case tagged && vid == 0:
		pop(f)
	case tagged && f.TCI&vidMask != vid:
		f.TCI = f.TCI&^vidMask | vid
		f.Ethernet().Tag().SetTCI(f.TCI)
	case !tagged && vid != 0:
		push(f, o.tpid, o.prio|vid)
	}
}

// Retag is Form.Retag for a frame that leaves in one form only.
func Retag(f *frame.Frame, vid uint16) { FormOf(f).Retag(f, vid) }

func push(f *frame.Frame, tpid, tci uint16) {
	from := f.Off - frame.VnetLen
	copy(f.Buf[from-frame.TagLen:], f.Buf[from:from+moved])
	f.TCI = tci
	f.Tags++
	grow(f, frame.TagLen)
	tag := f.Ethernet().Tag()
	tag.SetTPID(tpid)
	tag.SetTCI(tci)
}

func pop(f *frame.Frame) {
	from := f.Off - frame.VnetLen
	copy(f.Buf[from+frame.TagLen:], f.Buf[from:from+moved])
	f.TCI = 0
	f.Tags--
	grow(f, -frame.TagLen)
	if f.Tags > 0 {
		f.TCI = f.Ethernet().Tag().TCI()
	}
}

// grow accounts for n bytes that were put in behind the addresses; negative n
// took them out.
func grow(f *frame.Frame, n int) {
	f.Off -= n
	f.Len += n
	f.L3 = uint16(int(f.L3) + n)
	if f.L4 != 0 {
		f.L4 = uint16(int(f.L4) + n)
	}
	h := Vnet(f.Vnet())
	if h.Plain() {
		return
	}
	if h.Partial() {
		h.SetCsumStart(uint16(int(h.CsumStart()) + n))
	}
	if l := int(h.HdrLen()); l != 0 { // 0: no hint
		h.SetHdrLen(uint16(min(max(l+n, 0), 0xffff)))
	}
}
