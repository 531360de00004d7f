package frame

import "testing"

func TestLinkLocalAddr(t *testing.T) {
	for mac, want := range map[MAC]string{
		0x34_56_78_9a_bc_de: "fe80::3656:78ff:fe9a:bcde", // the example of RFC 2464, section 4
		0x02_42_ac_11_00_02: "fe80::42:acff:fe11:2",
		0xf0_f1_f2_f3_f4_f5: "fe80::f2f1:f2ff:fef3:f4f5",
	} {
		if got := LinkLocalAddr(mac).String(); got != want {
			t.Errorf("%v: %s, want %s", mac, got, want)
		}
	}
}
