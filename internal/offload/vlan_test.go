package offload

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/frame"
)

// state is all that Retag may change, for comparing.
func state(f *frame.Frame) (b []byte, info frame.Info, off int) {
	return bytes.Clone(f.WithVnet()), f.Info, f.Off
}

// consistent holds that f.Info is what a parse finds and that the virtio header
// still fits.
func consistent(t *testing.T, f *frame.Frame) {
	t.Helper()
	var info frame.Info
	if r := frame.Parse(f.Bytes(), &info); r != frame.Accepted {
		t.Fatalf("retagged frame: %v", r)
	}
	if diff := cmp.Diff(info, f.Info); diff != "" {
		t.Fatalf("Info after Retag (-parsed +kept):\n%s", diff)
	}
	if r := Check(f); r != frame.Accepted {
		t.Fatalf("virtio header after Retag: %v", r)
	}
}

func TestRetag(t *testing.T) {
	tests := []struct {
		name string
		tags []uint16
		vid  uint16
		want []uint16
	}{
		{"nothing to do", nil, 0, nil},
		{"push", nil, 10, []uint16{10}},
		{"replace keeps priority", []uint16{0xb00a}, 20, []uint16{0xb014}},
		{"same", []uint16{0x200a}, 10, []uint16{0x200a}},
		{"priority tag gets a VLAN", []uint16{0x6000}, 7, []uint16{0x6007}},
		{"pop", []uint16{0x200a}, 0, nil},
		{"pop priority tag", []uint16{0x6000}, 0, nil},
		{"inner untouched by pop", []uint16{10, 0xe014}, 0, []uint16{0xe014}},
		{"inner untouched by replace", []uint16{10, 0xe014}, 30, []uint16{30, 0xe014}},
	}
	for _, tt := range tests {
		for _, base := range []spec{tcp4, tcp6, udp4, udp6, {payload: 3}} {
			base.tags = tt.tags
			f := base.build(t)
			payload := bytes.Clone(f.Bytes()[f.L3:])
			end := f.Off + f.Len
			Retag(f, tt.vid)
			consistent(t, f)
			var got []uint16
			for i := range int(f.Tags) {
				got = append(got, be.Uint16(f.Bytes()[14+4*i:]))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: tags (-want +got):\n%s", tt.name, diff)
			}
			if !bytes.Equal(payload, f.Bytes()[f.L3:]) || f.Off+f.Len != end {
				t.Errorf("%s: payload moved", tt.name)
			}
			if f.Src != 0x020000000001 || f.Dst != 0x020000000002 {
				t.Errorf("%s: addresses %v %v", tt.name, f.Src, f.Dst)
			}
		}
	}
}

// TestRetagReverses: whatever forms a frame has been through, its own form
// gives the frame back, byte for byte.
func TestRetagReverses(t *testing.T) {
	for _, tags := range [][]uint16{nil, {0xb00a}, {0xb00a, 0x5014}} {
		s := tcp4
		s.tags = tags
		f := s.build(t)
		own, form := f.VID(), FormOf(f)
		b, info, off := state(f)
		for _, vid := range []uint16{0, 30, 31, 0, 0, 4094, own} {
			form.Retag(f, vid)
			consistent(t, f)
		}
		gotB, gotInfo, gotOff := state(f)
		if !bytes.Equal(b, gotB) || info != gotInfo || off != gotOff {
			t.Errorf("tags %x: came back different", tags)
		}
	}
}

// TestRetagHeadroom: a push uses TagLen bytes of headroom and touches nothing
// before them; it works at the very beginning of a slot.
func TestRetagHeadroom(t *testing.T) {
	f := tcp4.build(t)
	copy(f.Buf[frame.TagLen:], f.WithVnet())
	f.Off = frame.TagLen + frame.VnetLen
	Retag(f, 9)
	if f.Off != frame.VnetLen {
		t.Fatalf("Off is %d", f.Off)
	}
	consistent(t, f)

	f = tcp4.build(t)
	guard := f.Buf[:f.Off-frame.VnetLen-frame.TagLen]
	for i := range guard {
		guard[i] = 0xa5
	}
	Retag(f, 9)
	if bytes.Count(guard, []byte{0xa5}) != len(guard) {
		t.Error("bytes before the pushed tag changed")
	}
}

// TestRetagHint: the header length hint stays a legal one at its limits.
func TestRetagHint(t *testing.T) {
	f := spec{payload: 65000, mss: 1448}.build(t)
	f.Len = 65535 // as long as the hint can say
	f.L3Len = uint32(f.Len) - 14
	h := Vnet(f.Vnet())
	h.SetHdrLen(65535)
	Retag(f, 5)
	if got := Vnet(f.Vnet()).HdrLen(); got != 65535 {
		t.Errorf("hint after push: %d", got)
	}
	Retag(f, 0)
	if got := Vnet(f.Vnet()).HdrLen(); int(got) > f.Len {
		t.Errorf("hint after pop: %d of %d", got, f.Len)
	}
}

func FuzzRetag(f *testing.F) {
	for _, s := range append(fuzzSeeds, spec{payload: 1, tags: []uint16{7}}) {
		f.Add(s.build(f).WithVnet(), uint16(5), uint16(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, v1, v2 uint16) {
		fr, ok := fuzzFrame(b)
		if !ok || fr.Len > frame.MaxFrame-frame.TagLen || Check(fr) != frame.Accepted {
			return
		}
		own, tagged, form := fr.VID(), fr.Tags > 0, FormOf(fr)
		body := bytes.Clone(fr.Bytes()[fr.L3:])
		for _, vid := range []uint16{v1 & vidMask, v2 & vidMask, v1 & vidMask} {
			form.Retag(fr, vid)
			if fr.Tags > 2 {
				t.Fatal("three tags")
			}
			if !bytes.Equal(body, fr.Bytes()[fr.L3:]) {
				t.Fatal("payload changed")
			}
			var info frame.Info
			if frame.Parse(fr.Bytes(), &info) != frame.Accepted || info != fr.Info {
				t.Fatalf("Info %+v, parsed %+v", fr.Info, info)
			}
		}
		if tagged && own == 0 {
			return // a priority tag is no form to go back to
		}
		form.Retag(fr, own)
		if !bytes.Equal(fr.Bytes(), b[frame.VnetLen:]) || fr.Off != frame.Headroom {
			t.Fatal("own form is not the original")
		}
	})
}
