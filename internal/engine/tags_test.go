package engine

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	vswitch "vswitch/switch"
)

// form is how a port of TestFloodIntoMixedForms gets its frames.
type form struct {
	name string
	port vswitch.PortConfig
	tags []frame.VLANFields // on an untagged frame that was flooded in VLAN 10
}

func mixedForms() []form {
	access := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}}
	trunk := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{10, 20}}}
	native := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{20}, Native: 10}}
	tag := []frame.VLANFields{{TCI: 10}}
	return []form{
		{"access", access, nil}, {"trunk", trunk, tag}, {"native", native, nil},
		{"trunk again", trunk, tag}, {"access again", access, nil}, {"last trunk", trunk, tag},
	}
}

// TestFloodIntoMixedForms: one frame leaves tagged and untagged in turn, and each
// copy is right to the byte although all are made in the same slot.
func TestFloodIntoMixedForms(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		in := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}})
		forms := mixedForms()
		var out []*station
		for _, f := range forms {
			out = append(out, r.plug(f.port))
		}
		const rounds = 20
		for round := range uint32(rounds) {
			for i := range uint32(5) {
				must(t, in.Send(eth(frame.Broadcast, in.mac, numbered(round*5+i, 900))))
			}
			for k, f := range forms {
				for i := range uint32(5) {
					want := eth(frame.Broadcast, in.mac, numbered(round*5+i, 900), f.tags...)
					if got := out[k].recv(); !bytes.Equal(got, want) {
						t.Fatalf("%s: frame %d: got %x, want %x", f.name, i, got[:24], want[:24])
					}
				}
			}
		}
		ended(t, r.rest(5*rounds), nil)
	})
}

// fixed sends every frame the same ways.
type fixed []frame.Egress

func (out fixed) Forward(_ int, b *frame.Batch) {
	live := b.Live()
	for i := range live {
		if live[i].Drop == frame.Accepted {
			live[i].Out = out
		}
	}
}

// TestFloodKeepsInnerTags: a tag behind the switch's own is payload, also when it
// names the same VLAN; taking the outer one off must not make the inner one count.
// (The forwarder here is not the switch, which does not let such a frame through.)
func TestFloodKeepsInnerTags(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		ways := fixed{{Port: 1}, {Port: 2, VID: 10}, {Port: 3}, {Port: 4, VID: 10}, {Port: 5, VID: 20}, {Port: 6}}
		r := newRig(t, io, func(c *Config) { c.Forwarder = ways })
		in := r.plug(vswitch.PortConfig{})
		var out []*station
		for range ways {
			out = append(out, r.plug(vswitch.PortConfig{}))
		}
		own := frame.VLANFields{TPID: frame.TypeQinQ, TCI: 5<<13 | 10}
		inner := frame.VLANFields{TCI: 10}
		must(t, in.Send(eth(frame.Broadcast, in.mac, numbered(1, 200), own, inner)))
		for k, way := range ways {
			tags := []frame.VLANFields{inner}
			if way.VID != 0 {
				own.TCI = 5<<13 | way.VID
				tags = []frame.VLANFields{own, inner}
			}
			want := eth(frame.Broadcast, in.mac, numbered(1, 200), tags...)
			if got := out[k].recv(); !bytes.Equal(got, want) {
				t.Errorf("port %d, VLAN %d: got %x, want %x", way.Port, way.VID, got[:24], want[:24])
			}
		}
		ended(t, r.rest(1), nil)
	})
}

// TestUnicastRetag: super-frames cross between access port and trunk, and their
// virtio headers follow the tag.
func TestUnicastRetag(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}})
		b := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{10}}})
		must(t, r.sw.AddStatic(a.mac, 10, a.id))
		must(t, r.sw.AddStatic(b.mac, 10, b.id))

		vnet, plain := super(b.mac, a.mac, 50000, 1400)
		tagged := append(append(append([]byte{}, plain[:12]...), 0x81, 0, 0, 10), plain[12:]...)
		taggedVnet := append([]byte(nil), vnet...)
		h := offload.Vnet(taggedVnet)
		h.SetCsumStart(h.CsumStart() + frame.TagLen)
		h.SetHdrLen(h.HdrLen() + frame.TagLen)

		must(t, a.SendVnet(vnet, plain))
		gotVnet, got, err := b.Recv(patience)
		if err != nil || !bytes.Equal(got, tagged) || !bytes.Equal(gotVnet, taggedVnet) {
			t.Fatalf("into the trunk: %v: %x %x", err, gotVnet, got[:24])
		}
		frame.Ethernet(tagged).SetDst(a.mac)
		frame.Ethernet(tagged).SetSrc(b.mac)
		frame.Ethernet(plain).SetDst(a.mac)
		frame.Ethernet(plain).SetSrc(b.mac)
		must(t, b.SendVnet(taggedVnet, tagged))
		gotVnet, got, err = a.Recv(patience)
		if err != nil || !bytes.Equal(got, plain) || !bytes.Equal(gotVnet, vnet) {
			t.Fatalf("out of the trunk: %v: %x %x", err, gotVnet, got[:24])
		}
		ended(t, r.rest(2), nil)
	})
}
