package offload

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
)

func TestComplete(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		s := randomSpec(r)
		s.mss = 0
		s.payload = r.IntN(3000)
		f := s.build(t)
		s.finished = true
		want := s.build(t)
		if !Complete(f) || !bytes.Equal(f.WithVnet(), want.WithVnet()) {
			t.Fatalf("%+v:\n%x\n%x", s, f.WithVnet(), want.WithVnet())
		}
		if !Verify(f) {
			t.Fatalf("%+v: does not verify", s)
		}
		if !Complete(f) || !bytes.Equal(f.WithVnet(), want.WithVnet()) {
			t.Fatal("completing twice changes something")
		}
		s.finished = false
		if !Partial(f) || !bytes.Equal(f.WithVnet(), s.build(t).WithVnet()) {
			t.Fatalf("%+v: Partial is not the reverse", s)
		}
	}
}

// TestCompletePadding: Ethernet padding is no part of the sum, whatever is in it.
func TestCompletePadding(t *testing.T) {
	f := spec{payload: 2, udp: true}.build(t)
	for f.Len < 60 {
		f.Buf[f.Off+f.Len] = 0x5a
		f.Len++
	}
	if !Complete(f) || !Verify(f) {
		t.Error("padding was summed")
	}
}

// TestCompleteUDPZero: a UDP sum that comes out as zero is stored as 0xffff.
func TestCompleteUDPZero(t *testing.T) {
	f := spec{payload: 2, udp: true}.build(t)
	p := f.UDP().Payload()
	clear(p)
	// The payload word that makes everything add up to 0xffff is the inverse of
	// the sum of the rest.
	be.PutUint16(p, ^naiveSum(transport(f), 0))
	if !Complete(f) || f.UDP().Checksum() != 0xffff || !Verify(f) {
		t.Errorf("checksum %#x", f.UDP().Checksum())
	}
}

func TestCompleteSuperFrames(t *testing.T) {
	f := tcp4.build(t)
	if !Complete(f) || !Verify(f) || !Vnet(f.Vnet()).GSO() || Check(f) != frame.Accepted {
		t.Error("TCP super-frame")
	}
	f = udp4.build(t)
	if before := bytes.Clone(f.WithVnet()); Complete(f) || !bytes.Equal(before, f.WithVnet()) {
		t.Error("UDP super-frame was touched")
	}
}

func TestPartialRefuses(t *testing.T) {
	for name, edit := range map[string]func(f *frame.Frame){
		"fragment":     func(f *frame.Frame) { f.Flags |= frame.FlagFragment },
		"no transport": func(f *frame.Frame) { f.L4 = 0 },
		"ICMP":         func(f *frame.Frame) { f.Proto = frame.ProtoICMP },
	} {
		f := spec{payload: 100, finished: true}.build(t)
		edit(f)
		before := bytes.Clone(f.WithVnet())
		if Partial(f) || Verify(f) || !bytes.Equal(before, f.WithVnet()) {
			t.Error(name)
		}
	}
}

func TestVerify(t *testing.T) {
	for _, s := range []spec{{payload: 101}, {payload: 101, v6: true}, {payload: 7, udp: true}} {
		if Verify(s.build(t)) {
			t.Error("an unfinished checksum verifies")
		}
		s.finished = true
		f := s.build(t)
		if !Verify(f) {
			t.Error("a right checksum does not verify")
		}
		for i := int(f.L4); i < f.Len; i++ {
			if i == int(f.L4)+12 {
				continue // the length of the TCP header is what Parse checks
			}
			f.Bytes()[i] ^= 4
			if Verify(f) {
				t.Errorf("damage at %d is not seen", i)
			}
			f.Bytes()[i] ^= 4
		}
	}
	f := spec{payload: 7, udp: true, finished: true}.build(t)
	f.UDP().SetChecksum(0)
	if Verify(f) {
		t.Error("a datagram without checksum verifies")
	}
}
