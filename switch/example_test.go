package vswitch_test

import (
	"fmt"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// Two stations find each other: the first frame is flooded, the answer is not.
func Example() {
	const alice, bob frame.MAC = 0x02_00_00_00_00_0a, 0x02_00_00_00_00_0b

	sw := vswitch.New(vswitch.Config{})
	for _, name := range []string{"alice", "bob", "carol"} {
		if _, err := sw.AddPort(vswitch.PortConfig{Name: name}); err != nil {
			fmt.Println(err)
		}
	}
	send := func(in frame.PortID, dst, src frame.MAC) {
		header := make([]byte, 60)
		frame.EthernetFields{Dst: dst, Src: src, EtherType: 0x88b5}.Encode(header)
		b := frame.Batch{In: in, N: 1, Frames: []frame.Frame{{Buf: header, Len: len(header)}}}
		f := &b.Frames[0]
		f.Drop = f.Parse()
		sw.Forward(0, &b)
		fmt.Printf("%s -> %s: %v, out by", src, dst, f.Drop)
		for _, e := range f.Out {
			if e.Port != in {
				fmt.Printf(" %d", e.Port)
			}
		}
		fmt.Println()
	}
	send(0, bob, alice)
	send(1, alice, bob)
	send(0, bob, alice)
	for _, e := range sw.FDB(0) {
		fmt.Println(e.MAC, "in VLAN", e.VID, "is behind port", e.Port)
	}
	// Output:
	// 02:00:00:00:00:0a -> 02:00:00:00:00:0b: accepted, out by 1 2
	// 02:00:00:00:00:0b -> 02:00:00:00:00:0a: accepted, out by 0
	// 02:00:00:00:00:0a -> 02:00:00:00:00:0b: accepted, out by 1
	// 02:00:00:00:00:0a in VLAN 1 is behind port 0
	// 02:00:00:00:00:0b in VLAN 1 is behind port 1
}

// A trunk for all VLANs, as a list from the command line.
func ExampleParseVLANs() {
	vids, err := vswitch.ParseVLANs("10,20-30,25")
	fmt.Println(len(vids), vswitch.FormatVLANs(vids), err)
	_, err = vswitch.ParseVLANs("4095")
	fmt.Println(err)
	// Output:
	// 12 10,20-30 <nil>
	// invalid port configuration: VLANs "4095": not a number or an ascending range from 1 to 4094
}
